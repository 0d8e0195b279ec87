#include "pop_node/executor/subrequest_frames.h"

#include <utility>

#include "pop_node/executor/frame_parts.h"

namespace isopop::executor {
namespace {

constexpr std::uint32_t kStatusMin = 200;
constexpr std::uint32_t kStatusMax = 599;

SubresponseHead read_head(pbf_reader reader) {
  SubresponseHead head;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(2, kVarint):
        head.status = reader.get_uint32();
        break;
      case field(3, kBytes):
        head.status_text = reader.get_string();
        break;
      case field(4, kBytes):
        head.headers.push_back(read_header(reader.get_message()));
        break;
      case field(5, kBytes):
        head.body = reader.get_string();
        break;
      case field(6, kVarint):
        head.body_complete = reader.get_bool();
        break;
      default:
        reader.skip();
    }
  }
  return head;
}

SubresponseBody read_piece(pbf_reader reader) {
  SubresponseBody body;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(2, kBytes):
        body.data = reader.get_string();
        break;
      case field(3, kVarint):
        body.last = reader.get_bool();
        break;
      default:
        reader.skip();
    }
  }
  return body;
}

Result<void> check(const SubresponseFrame& frame) {
  if (frame.key.parent == 0 || frame.key.id == 0) return broken("a subresponse without its ids");
  if (const auto* head = std::get_if<SubresponseHead>(&frame.part)) {
    if (head->status < kStatusMin || head->status > kStatusMax) {
      return broken("a subresponse with status " + std::to_string(head->status));
    }
    if (head->body.size() > kBodyPieceBytesMax) return broken("a body piece above 64 KiB");
  }
  if (const auto* body = std::get_if<SubresponseBody>(&frame.part)) {
    if (body->data.size() > kBodyPieceBytesMax) return broken("a body piece above 64 KiB");
  }
  return {};
}

// Writes a Subrequest frame: the ids, and what `fill` adds.
template <typename Fill>
void append_part(std::string& out, SubrequestKey key, Fill fill) {
  append_frame(out, 16, [&](pbf_writer& message) {
    message.add_uint32(1, key.parent);
    message.add_uint32(2, key.id);
    fill(message);
  });
}

}  // namespace

Result<SubresponseFrame> read_subresponse(pbf_reader reader) {
  SubresponseFrame frame;
  bool has_part = false;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kVarint):
        frame.key.parent = reader.get_uint32();
        continue;
      case field(2, kVarint):
        frame.key.id = reader.get_uint32();
        continue;
      case field(3, kBytes):
        frame.part = read_head(reader.get_message());
        break;
      case field(4, kBytes):
        frame.part = read_piece(reader.get_message());
        break;
      case field(5, kBytes):
        frame.part = SubresponseFailure{.reason = reader.get_string()};
        break;
      default:
        reader.skip();
        continue;
    }
    has_part = true;
  }
  if (!has_part) return broken("a subresponse that says nothing");
  ISOPOP_TRY(check(frame));
  return frame;
}

void append_subrequest(std::string& out, SubrequestKey key, const SubrequestHead& head) {
  append_part(out, key, [&](pbf_writer& message) {
    pbf_writer writer(message, 3);
    writer.add_string(1, head.method);
    writer.add_string(2, head.url);
    write_headers(writer, 3, head.headers);
    if (head.has_body) writer.add_bool(4, true);
    if (!head.binding.empty()) writer.add_string(5, head.binding);
  });
}

void append_subrequest_body(std::string& out, SubrequestKey key, BodyPiece piece) {
  append_part(out, key, [&](pbf_writer& message) {
    pbf_writer writer(message, 4);
    if (!piece.data.empty()) writer.add_bytes(2, piece.data.data(), piece.data.size());
    if (piece.last) writer.add_bool(3, true);
  });
}

void append_subrequest_cancel(std::string& out, SubrequestKey key) {
  append_part(out, key, [](pbf_writer& message) { message.add_bool(5, true); });
}

void append_subresponse_credit(std::string& out, SubrequestKey key, std::uint32_t bytes) {
  append_part(out, key, [bytes](pbf_writer& message) { message.add_uint32(6, bytes); });
}

}  // namespace isopop::executor
