// The three notations of amounts that meet in a NatsCluster: sizes as the NATS configuration
// language writes them, durations as Go writes them, quantities as Kubernetes writes them.
// Pure; safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::model {

// What the CRD demands of the two notations of our own; the parsers accept exactly this.
inline constexpr const char* kSizePattern = "^[0-9]{1,18}([kKmMgGtT]([iI]?[bB]?)?)?$";
inline constexpr const char* kSizeHint =
    "a size such as 65536, 512KB or 8Mi (K, M, G, T are powers of 1000, KB/Ki... of 1024)";
inline constexpr const char* kDurationPattern = "^([0-9]{1,9}(ms|s|m|h))+$";
inline constexpr const char* kDurationHint = "a duration such as 500ms, 30s or 2m";

// "1MB" and "1Mi" are 2^20, "1M" is 10^6 (wire.md 22.1). Numbers are bytes.
Result<int64_t> parse_size(const nlohmann::json& value);

// "1m30s". At most 292 years, which is what the brokers can hold.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// True when two Kubernetes quantities ("1", "1000m", "1Gi", "1e3") are the same amount; texts that
// are no quantities are compared as texts.
bool same_quantity(std::string_view a, std::string_view b);

// A quantity in whole units, rounded down; 0 for a text that is no quantity or a negative one, the
// largest number for what is larger.
int64_t quantity_units(std::string_view text);

}  // namespace natrix::model
