#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isopop::http {

// One header as seen in its container; valid until that container changes.
struct HeaderView {
  std::string_view name;
  std::string_view value;
};

// The headers of a message: an ordered multimap, names compared without regard to case and kept as
// they were written. All text lies in one buffer, so that a message costs two allocations however
// many headers it has. Views into it are valid until the next change. Not checked on the way in:
// whoever puts headers on the wire (Server, ClientPool) refuses those that is_header_name() and
// is_header_value() refuse. A value type; not thread-safe.
class Headers {
 public:
  class Iterator;

  Headers() = default;
  Headers(std::initializer_list<HeaderView> headers);

  // The value of the first header of that name.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return get(name).has_value(); }
  // The values of all headers of that name, in order.
  [[nodiscard]] std::vector<std::string_view> get_all(std::string_view name) const;

  // Adds behind the others, whether or not the name is there. The views may point into this
  // container.
  void add(std::string_view name, std::string_view value);
  // Afterwards there is exactly one header of that name, at the end.
  void set(std::string_view name, std::string_view value);
  // Appends ", value" to the first header of that name, or adds it: for list headers.
  void append(std::string_view name, std::string_view value);
  // Takes out all headers of that name; says how many there were.
  std::size_t remove(std::string_view name);
  void clear();
  void reserve(std::size_t headers, std::size_t bytes);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] HeaderView operator[](std::size_t index) const;

  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

 private:
  struct Entry {
    std::uint32_t offset;  // of the name in bytes_; the value follows it
    std::uint32_t name_size;
    std::uint32_t value_size;
  };

  std::string bytes_;
  std::vector<Entry> entries_;
};

class Headers::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = HeaderView;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = HeaderView;

  Iterator(const Headers& headers, std::size_t index) : headers_(&headers), index_(index) {}
  HeaderView operator*() const { return (*headers_)[index_]; }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }

 private:
  const Headers* headers_;
  std::size_t index_;
};

inline Headers::Iterator Headers::begin() const {
  return {*this, 0};
}
inline Headers::Iterator Headers::end() const {
  return {*this, size()};
}

// A token of RFC 9110 5.6.2, not empty.
[[nodiscard]] bool is_header_name(std::string_view name);
// No control characters but tab: nothing that could end the header and begin another.
[[nodiscard]] bool is_header_value(std::string_view value);
// Whether a comma-separated list header ("connection: close, foo") holds the token, case ignored.
[[nodiscard]] bool list_contains(std::string_view list, std::string_view token);

// Headers that speak of one connection, not of the message, and that a proxy must not pass on:
// connection and all it names, keep-alive, proxy-connection, te, trailer, transfer-encoding,
// upgrade.
void remove_hop_by_hop(Headers& headers);

}  // namespace isopop::http
