#pragma once

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/result/result.h"
#include "pop_node/executor/frames.h"

namespace isopop::executor {

// What the readers and writers of frames share; for their .cc files only.

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;
using protozero::tag_and_type;

inline constexpr auto kBytes = pbf_wire_type::length_delimited;
inline constexpr auto kVarint = pbf_wire_type::varint;
inline constexpr auto kFixed64 = pbf_wire_type::fixed64;

// A field of an unexpected type counts as unknown and is skipped, like in every protobuf reader.
constexpr std::uint32_t field(protozero::pbf_tag_type tag, pbf_wire_type type) {
  return tag_and_type(tag, type);
}

inline Error broken(std::string what) {
  return Error{ErrorCode::kInvalidArgument, std::move(what)};
}

inline Header read_header(pbf_reader reader) {
  Header header;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        header.name = reader.get_string();
        break;
      case field(2, kBytes):
        header.value = reader.get_string();
        break;
      default:
        reader.skip();
    }
  }
  return header;
}

inline void write_headers(pbf_writer& message, protozero::pbf_tag_type tag,
                          const std::vector<Header>& headers) {
  for (const Header& header : headers) {
    pbf_writer writer(message, tag);
    writer.add_string(1, header.name);
    writer.add_string(2, header.value);
  }
}

// Writes one frame with its length: the body of the frame is what `fill` writes.
template <typename Fill>
void append_frame(std::string& out, protozero::pbf_tag_type kind, Fill fill) {
  const std::size_t start = out.size();
  out.append(4, '\0');
  {
    pbf_writer frame(out);
    pbf_writer message(frame, kind);
    fill(message);
  }
  const std::size_t size = out.size() - start - 4;
  for (std::size_t i = 0; i < 4; ++i) {
    out[start + i] = static_cast<char>((size >> (8 * i)) & 0xFFU);
  }
}

}  // namespace isopop::executor
