#include "common/http/headers.h"

#include <algorithm>
#include <array>

#include "common/result/assert.h"
#include "common/text/text.h"

namespace isopop::http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kTokenTable = make_token_table();

}  // namespace

Headers::Headers(std::initializer_list<HeaderView> headers) {
  for (const HeaderView& header : headers) add(header.name, header.value);
}

HeaderView Headers::operator[](std::size_t index) const {
  const Entry& entry = entries_[index];
  const std::string_view bytes(bytes_);
  return {bytes.substr(entry.offset, entry.name_size),
          bytes.substr(entry.offset + entry.name_size, entry.value_size)};
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const HeaderView header : *this) {
    if (equals_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const HeaderView header : *this) {
    if (equals_ignoring_case(header.name, name)) values.push_back(header.value);
  }
  return values;
}

void Headers::add(std::string_view name, std::string_view value) {
  const std::size_t offset = bytes_.size();
  const std::size_t end = offset + name.size() + value.size();
  ISOPOP_ASSERT(end <= UINT32_MAX, "headers stay below 4 GiB");
  if (end > bytes_.capacity()) {
    // The views may point into bytes_, which is about to move.
    std::string grown;
    grown.reserve(std::max<std::size_t>(2 * end, 512));
    grown.append(bytes_).append(name).append(value);
    bytes_.swap(grown);
  } else {
    bytes_.append(name).append(value);
  }
  entries_.push_back({.offset = static_cast<std::uint32_t>(offset),
                      .name_size = static_cast<std::uint32_t>(name.size()),
                      .value_size = static_cast<std::uint32_t>(value.size())});
}

void Headers::set(std::string_view name, std::string_view value) {
  // Added first: the views may point into a header that is about to go.
  const std::size_t before = entries_.size();
  add(name, value);
  const HeaderView added = (*this)[before];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < before; ++i) {
    if (!equals_ignoring_case((*this)[i].name, added.name)) entries_[kept++] = entries_[i];
  }
  entries_[kept++] = entries_[before];
  entries_.resize(kept);
}

void Headers::append(std::string_view name, std::string_view value) {
  for (Entry& entry : entries_) {
    const std::string_view bytes(bytes_);
    if (!equals_ignoring_case(bytes.substr(entry.offset, entry.name_size), name)) continue;
    std::string joined;
    joined.reserve(entry.name_size + entry.value_size + 2 + value.size());
    joined.append(bytes.substr(entry.offset, entry.name_size + entry.value_size));
    joined.append(", ").append(value);
    ISOPOP_ASSERT(bytes_.size() + joined.size() <= UINT32_MAX, "headers stay below 4 GiB");
    entry.offset = static_cast<std::uint32_t>(bytes_.size());
    entry.value_size = static_cast<std::uint32_t>(entry.value_size + 2 + value.size());
    bytes_.append(joined);
    return;
  }
  add(name, value);
}

std::size_t Headers::remove(std::string_view name) {
  const std::size_t before = entries_.size();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < before; ++i) {
    if (!equals_ignoring_case((*this)[i].name, name)) entries_[kept++] = entries_[i];
  }
  entries_.resize(kept);
  return before - kept;
}

void Headers::clear() {
  bytes_.clear();
  entries_.clear();
}

void Headers::reserve(std::size_t headers, std::size_t bytes) {
  entries_.reserve(headers);
  bytes_.reserve(bytes);
}

bool is_header_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return kTokenTable[static_cast<unsigned char>(c)];
  });
}

bool is_header_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || c == '\t';
  });
}

bool list_contains(std::string_view list, std::string_view token) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

void remove_hop_by_hop(Headers& headers) {
  std::vector<std::string> named;
  for (const std::string_view list : headers.get_all("connection")) {
    for (const std::string_view token : split(list, ',')) {
      const std::string_view name = trim(token);
      if (!name.empty() && !equals_ignoring_case(name, "close") &&
          !equals_ignoring_case(name, "keep-alive")) {
        named.emplace_back(name);
      }
    }
  }
  for (const std::string& name : named) headers.remove(name);
  for (const std::string_view name : {"connection", "keep-alive", "proxy-connection", "te",
                                      "trailer", "transfer-encoding", "upgrade"}) {
    headers.remove(name);
  }
}

}  // namespace isopop::http
