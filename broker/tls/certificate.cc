#include "broker/tls/certificate.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <memory>

#include "broker/crypto/sha256.h"

namespace natrix::tls {

namespace {

struct AttributeName {
  std::string_view oid;
  std::string_view name;
};
constexpr AttributeName kAttributeNames[] = {
    {"2.5.4.3", "CN"},          {"2.5.4.5", "SERIALNUMBER"},
    {"2.5.4.6", "C"},           {"2.5.4.7", "L"},
    {"2.5.4.8", "ST"},          {"2.5.4.9", "STREET"},
    {"2.5.4.10", "O"},          {"2.5.4.11", "OU"},
    {"2.5.4.17", "POSTALCODE"}, {"0.9.2342.19200300.100.1.25", "DC"},
};
// Those Go's pkix.Name has fields for, in the order in which it lists them (Go 1.26); values of one
// type form one relative name, except the last two, which have one value.
constexpr std::string_view kFieldOrder[] = {"2.5.4.6",  "2.5.4.8",  "2.5.4.7",
                                            "2.5.4.9",  "2.5.4.17", "2.5.4.10",
                                            "2.5.4.11", "2.5.4.3",  "2.5.4.5"};
constexpr size_t kSingleFields = 2;

struct Attribute {
  std::string oid;
  std::string value;
  int set;  // those with the same number form one relative name
};

std::string_view name_of(std::string_view oid) {
  for (const AttributeName& one : kAttributeNames) {
    if (one.oid == oid) return one.name;
  }
  return {};
}

std::string hex(const unsigned char* bytes, size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  return text;
}

std::string text_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  int size = ASN1_STRING_to_UTF8(&utf8, string);
  if (size < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

// As Go encodes a text anew: PrintableString if it can be, else UTF8String.
std::string der_hex_of(const std::string& text_value) {
  constexpr std::string_view kSigns = " '()+,-./:=?";
  bool printable = std::all_of(text_value.begin(), text_value.end(), [&](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || kSigns.find(static_cast<char>(c)) != kSigns.npos);
  });
  int kind = printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
  ASN1_STRING* string = ASN1_STRING_type_new(kind);
  ASN1_STRING_set(string, text_value.data(), static_cast<int>(text_value.size()));
  ASN1_TYPE* type = ASN1_TYPE_new();
  ASN1_TYPE_set(type, kind, string);  // owns it now
  unsigned char* der = nullptr;
  int size = i2d_ASN1_TYPE(type, &der);
  ASN1_TYPE_free(type);
  std::string text = size > 0 ? hex(der, static_cast<size_t>(size)) : std::string();
  OPENSSL_free(der);
  return text;
}

std::vector<Attribute> attributes_of(const X509_NAME* name) {
  std::vector<Attribute> attributes;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    char oid[128] = "";
    OBJ_obj2txt(oid, sizeof(oid), X509_NAME_ENTRY_get_object(entry), 1);
    const ASN1_STRING* data = X509_NAME_ENTRY_get_data(entry);
    attributes.push_back({oid, text_of(data), X509_NAME_ENTRY_set(entry)});
  }
  return attributes;
}

std::string escaped(const std::string& value) {
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    bool at_edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == value.size() && c == ' ');
    if (at_edge || std::string_view(",+\"\\<>;").find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text;
}

std::string written(const Attribute& attribute) {
  std::string_view name = name_of(attribute.oid);
  if (name.empty() || name == "DC") return attribute.oid + "=#" + der_hex_of(attribute.value);
  return fmt::format("{}={}", name, escaped(attribute.value));
}

// The fields that Go knows, as pkix.Name.ToRDNSequence().String() writes them.
std::string known_fields(const std::vector<Attribute>& attributes) {
  std::vector<std::string> relatives;
  for (size_t field = 0; field < std::size(kFieldOrder); ++field) {
    std::vector<std::string> values;
    for (const Attribute& attribute : attributes) {
      if (attribute.oid == kFieldOrder[field]) values.push_back(written(attribute));
    }
    if (values.empty()) continue;
    bool single = field + kSingleFields >= std::size(kFieldOrder);
    relatives.push_back(single ? values.back() : fmt::format("{}", fmt::join(values, "+")));
  }
  std::reverse(relatives.begin(), relatives.end());
  return fmt::format("{}", fmt::join(relatives, ","));
}

bool is_field(const Attribute& attribute) {
  return std::find(std::begin(kFieldOrder), std::end(kFieldOrder), attribute.oid) !=
         std::end(kFieldOrder);
}

// pkix.Name.String(): attributes without a field come last, in reverse order.
std::string whole_subject(const std::vector<Attribute>& attributes) {
  std::string text = known_fields(attributes);
  for (auto one = attributes.rbegin(); one != attributes.rend(); ++one) {
    if (!is_field(*one)) text += (text.empty() ? "" : ",") + written(*one);
  }
  return text;
}

std::optional<DistinguishedName> distinguished_name(const std::vector<Attribute>& attributes) {
  DistinguishedName name;
  int last_set = -1;
  for (auto one = attributes.rbegin(); one != attributes.rend(); ++one) {
    std::string_view type = name_of(one->oid);
    if (type.empty()) return std::nullopt;
    if (name.parts.empty() || one->set != last_set) name.parts.emplace_back();
    last_set = one->set;
    name.parts.back().push_back({std::string(type), one->value});
  }
  return name;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

template <class Encode>
std::string digest_of(Encode encode) {
  unsigned char* der = nullptr;
  int size = encode(&der);
  if (size <= 0) return {};
  std::string digest = sha256_hex({reinterpret_cast<const char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

void add_alternative_names(X509* certificate, PeerNames& names) {
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  if (list == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    int type = 0;
    auto* value =
        static_cast<ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list, i), &type));
    auto text = [&] {
      return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                         static_cast<size_t>(ASN1_STRING_length(value)));
    };
    if (type == GEN_EMAIL) names.emails.push_back(text());
    if (type == GEN_DNS) names.dns_names.push_back(text());
    if (type == GEN_URI) names.uris.push_back(text());
  }
  GENERAL_NAMES_free(list);
}

}  // namespace

PeerCertificate describe_peer(x509_st* certificate) {
  PeerCertificate peer;
  peer.subject = whole_subject(attributes_of(X509_get_subject_name(certificate)));
  peer.spki_sha256 = digest_of([certificate](unsigned char** der) {
    return i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), der);
  });
  peer.cert_sha256 =
      digest_of([certificate](unsigned char** der) { return i2d_X509(certificate, der); });
  return peer;
}

CertificateFacts facts_of(x509_st* certificate) {
  CertificateFacts facts;
  facts.subject = whole_subject(attributes_of(X509_get_subject_name(certificate)));
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  facts.serial =
      hex(ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial)));
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  return facts;
}

PeerNames names_of(x509_st* certificate) {
  PeerNames names;
  add_alternative_names(certificate, names);
  std::vector<Attribute> attributes = attributes_of(X509_get_subject_name(certificate));
  names.subject = distinguished_name(attributes);
  names.subject_text = known_fields(attributes);
  for (const Attribute& attribute : attributes) {
    if (name_of(attribute.oid) != "DC") continue;
    std::string& text = names.subject_text_with_domain;
    text += (text.empty() ? names.subject_text + ",DC=" : ",DC=") + attribute.value;
  }
  return names;
}

}  // namespace natrix::tls
