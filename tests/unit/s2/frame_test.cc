// Framed streams: those of the Go library in pieces of every size, everything a reader must refuse,
// limits, and our own writer against our reader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "broker/s2/crc32c.h"
#include "broker/s2/frame_reader.h"
#include "broker/s2/frame_writer.h"
#include "tests/unit/s2/go_vectors.h"

namespace natrix::s2 {
namespace {

using testing::from_hex;
using ::testing::HasSubstr;
using testing::lines;

struct Outcome {
  std::string bytes;
  std::string error;
  bool complete = false;
};

Outcome read(std::string_view stream, size_t piece = SIZE_MAX,
             ReaderLimits limits = {uint64_t{1} << 30}) {
  FrameReader reader(limits);
  Outcome outcome;
  while (true) {
    auto block = reader.next();
    if (!block) {
      outcome.error = block.error().message;
      EXPECT_FALSE(reader.next().ok()) << "an error is final";
      EXPECT_FALSE(reader.complete());
      return outcome;
    }
    if (*block) {
      EXPECT_FALSE((*block)->empty());
      outcome.bytes.append(**block);
      continue;
    }
    if (stream.empty()) break;
    reader.append(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  outcome.complete = reader.complete();
  EXPECT_EQ(reader.output_bytes(), outcome.bytes.size());
  return outcome;
}

std::string chunk(uint8_t type, std::string body) {
  std::string head(4, '\0');
  head[0] = static_cast<char>(type);
  for (int i = 0; i < 3; ++i) head[1 + i] = static_cast<char>(body.size() >> (8 * i));
  return head + body;
}

std::string with_sum(std::string_view raw, std::string_view stored) {
  uint32_t sum = masked_crc32c(raw);
  std::string body(4, '\0');
  for (int i = 0; i < 4; ++i) body[i] = static_cast<char>(sum >> (8 * i));
  return body.append(stored);
}

const std::string kHead = chunk(0xff, "S2sTwO");

TEST(FrameReaderTest, ReadsWhatGoWritesInPiecesOfAnySize) {
  for (auto hex : {testing::kGoFast, testing::kGoBest, testing::kGoIndexed, testing::kGoPadded,
                   testing::kGoSnappy}) {
    std::string stream = from_hex(hex);
    for (size_t piece = 1; piece <= stream.size(); ++piece) {
      Outcome outcome = read(stream, piece);
      ASSERT_EQ(outcome.error, "") << piece;
      ASSERT_EQ(outcome.bytes, lines(12)) << piece;
      ASSERT_TRUE(outcome.complete) << piece;
    }
  }
  EXPECT_EQ(read(from_hex(testing::kGoUncompressed)).bytes, lines(2));
}

TEST(FrameReaderTest, StreamsMayStandOneBehindTheOther) {
  std::string both = from_hex(testing::kGoSnappy) + from_hex(testing::kGoFast);
  EXPECT_EQ(read(both, 5).bytes, lines(12) + lines(12));
}

TEST(FrameReaderTest, EveryCutIsSeenAsIncomplete) {
  std::string stream = from_hex(testing::kGoIndexed);
  size_t complete = 0;
  for (size_t size = 0; size < stream.size(); ++size) {
    Outcome outcome = read(stream.substr(0, size));
    ASSERT_EQ(outcome.error, "");
    ASSERT_TRUE(lines(12).starts_with(outcome.bytes));
    if (outcome.complete) ++complete;
  }
  EXPECT_EQ(complete, 4U);  // before the identifier, after it, after each of the two blocks
}

TEST(FrameReaderTest, EveryFlippedBitOfABlockIsRefused) {
  std::string stream = from_hex(testing::kGoFast);
  for (size_t at = 14; at < stream.size(); ++at) {
    std::string damaged = stream;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    Outcome outcome = read(damaged);
    ASSERT_TRUE(!outcome.error.empty() || !outcome.complete || outcome.bytes == lines(12)) << at;
  }
}

TEST(FrameReaderTest, RefusesWhatIsNoStream) {
  EXPECT_THAT(read("PUB foo 5\r\n").error, HasSubstr("not an S2"));
  EXPECT_THAT(read(chunk(0xff, "S2sTwo")).error, HasSubstr("not an S2"));
  EXPECT_THAT(read(chunk(0xff, "S2sTwO!")).error, HasSubstr("impossible length"));
  EXPECT_THAT(read(chunk(0x01, with_sum("a", "a"))).error, HasSubstr("not an S2"));
  EXPECT_THAT(read(chunk(0x99, "")).error, HasSubstr("not an S2"));
  EXPECT_THAT(read(kHead + chunk(0x02, "xxxx")).error, HasSubstr("unknown type"));
  EXPECT_THAT(read(kHead + chunk(0x7f, "")).error, HasSubstr("unknown type"));
  EXPECT_THAT(read(kHead + chunk(0x00, "abc")).error, HasSubstr("impossible length"));
  EXPECT_THAT(read(kHead + std::string("\x00\xff\xff\xff", 4)).error,
              HasSubstr("impossible length"));
  EXPECT_THAT(read(kHead + chunk(0x01, with_sum("a", "b"))).error, HasSubstr("checksum"));
  EXPECT_THAT(read(kHead + chunk(0x00, with_sum("a", from_hex("010062")))).error,
              HasSubstr("checksum"));
  EXPECT_THAT(read(kHead + chunk(0x00, with_sum("", ""))).error, HasSubstr("length"));
}

TEST(FrameReaderTest, SkipsChunksWithoutKeepingThem) {
  std::string stream = kHead + chunk(0x80, std::string(3000000, 'x')) + chunk(0xfd, "") +
                       chunk(0x01, with_sum("abc", "abc")) + chunk(0x99, "index");
  EXPECT_EQ(read(stream, 1000).bytes, "abc");
  EXPECT_FALSE(read(stream.substr(0, 2000000), 1000).complete);
}

TEST(FrameReaderTest, AnEmptyStreamMayBePadded) {
  Outcome outcome = read(chunk(0xfe, std::string(100, 'p')), 7);
  EXPECT_EQ(outcome.error, "");
  EXPECT_TRUE(outcome.complete);
}

TEST(FrameReaderTest, EmptyBlocksAreNoBlocks) {
  Outcome outcome =
      read(kHead + chunk(0x01, with_sum("", "")) + chunk(0x00, with_sum("", from_hex("00"))) +
           chunk(0x01, with_sum("abc", "abc")));
  EXPECT_EQ(outcome.bytes, "abc");
  EXPECT_TRUE(outcome.complete);
}

TEST(FrameReaderTest, ABlockMustNotBeLargerThanItsFormatAllows) {
  std::string raw(65537, 'r');
  std::string body = chunk(0x01, with_sum(raw, raw));
  EXPECT_EQ(read(kHead + body).bytes, raw);
  EXPECT_THAT(read(chunk(0xff, "sNaPpY") + body).error, HasSubstr("larger"));
  EXPECT_THAT(read(kHead + body, SIZE_MAX, {1 << 20, 65536}).error, HasSubstr("larger"));
  std::string huge((4 << 20) + 1, 'h');
  EXPECT_THAT(read(kHead + chunk(0x01, with_sum(huge, huge))).error, HasSubstr("larger"));
}

TEST(FrameReaderTest, ABombIsStoppedAtTheLimit) {
  FrameWriter writer(4 << 20);
  std::string stream;
  std::string zeros(4 << 20, '\0');
  for (int i = 0; i < 8; ++i) writer.write(zeros, stream);
  writer.finish(stream);
  EXPECT_LT(stream.size(), 500U);
  EXPECT_THAT(read(stream, SIZE_MAX, {10 << 20}).error, HasSubstr("more than allowed"));
  EXPECT_EQ(read(stream, SIZE_MAX, {32 << 20}).bytes.size(), 32U << 20);
}

TEST(FrameWriterTest, ReadsBackWhatWasWrittenInAnyPieces) {
  std::mt19937_64 random(3);
  std::string raw = lines(20000);
  for (size_t i = 300000; i < 400000; ++i) raw[i] = static_cast<char>(random());
  for (size_t block : {size_t{1}, size_t{100}, size_t{65536}, FrameWriter::kDefaultBlockBytes}) {
    std::string_view rest = std::string_view(raw).substr(0, block == 1 ? 1000 : raw.size());
    std::string whole(rest);
    FrameWriter writer(block);
    std::string stream;
    while (!rest.empty()) {
      size_t piece = std::min<size_t>(1 + random() % (3 * block), rest.size());
      writer.write(rest.substr(0, piece), stream);
      rest.remove_prefix(piece);
    }
    writer.finish(stream);
    Outcome outcome = read(stream, 1 + random() % 10000);
    EXPECT_EQ(outcome.error, "");
    EXPECT_TRUE(outcome.bytes == whole) << block;
  }
}

TEST(FrameWriterTest, AFlushMakesEverythingReadable) {
  FrameWriter writer;
  std::string stream;
  writer.write("abc", stream);
  EXPECT_EQ(stream, "");
  writer.flush(stream);
  EXPECT_EQ(read(stream).bytes, "abc");
  size_t size = stream.size();
  writer.flush(stream);
  EXPECT_EQ(stream.size(), size);
  writer.write("def", stream);
  writer.finish(stream);
  EXPECT_EQ(read(stream).bytes, "abcdef");
}

TEST(FrameWriterTest, NothingIsAnIdentifierOnly) {
  FrameWriter writer;
  std::string stream;
  writer.finish(stream);
  EXPECT_EQ(stream, kHead);
  EXPECT_TRUE(read(stream).complete);
}

}  // namespace
}  // namespace natrix::s2
