#include "pop_node/executor/zygote_messages.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace isopop::executor {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;

Result<ForkOrder> read_message(pbf_reader reader) {
  while (reader.next()) {
    if (reader.tag() != 1 || !reader.has_wire_type(pbf_wire_type::length_delimited)) {
      reader.skip();
      continue;
    }
    ForkOrder order;
    pbf_reader fork = reader.get_message();
    while (fork.next(1, pbf_wire_type::varint)) order.token = fork.get_uint64();
    return order;
  }
  return invalid_argument("a message of a kind that a zygote does not take");
}

template <typename Fill>
std::string message(protozero::pbf_tag_type kind, Fill fill) {
  std::string out;
  pbf_writer packet(out);
  {
    pbf_writer writer(packet, kind);
    fill(writer);
  }
  return out;
}

}  // namespace

Result<ForkOrder> decode_zygote_message(std::string_view bytes) {
  try {
    return read_message(pbf_reader(bytes.data(), bytes.size()));
  } catch (const protozero::exception& error) {
    return invalid_argument(std::string("not a message to a zygote: ") + error.what());
  }
}

std::string encode_zygote_message(const ZygoteReady& ready) {
  return message(10, [&](pbf_writer& writer) {
    {
      pbf_writer sandbox(writer, 1);
      for (const SandboxMeasure& measure : ready.measures) {
        pbf_writer one(sandbox, 1);
        one.add_string(1, measure.name);
        if (measure.active) one.add_bool(2, true);
        if (!measure.detail.empty()) one.add_string(3, measure.detail);
      }
    }
    writer.add_string(2, ready.dirty_finder);
    writer.add_uint32(3, ready.start_us);
  });
}

std::string encode_zygote_message(const Forked& forked) {
  return message(11, [&](pbf_writer& writer) {
    writer.add_uint64(1, forked.token);
    writer.add_int32(2, forked.pid);
  });
}

std::string encode_zygote_message(const ForkFailed& failed) {
  return message(12, [&](pbf_writer& writer) {
    writer.add_uint64(1, failed.token);
    writer.add_string(2, failed.reason);
  });
}

std::string encode_zygote_message(const Exited& exited) {
  return message(13, [&](pbf_writer& writer) {
    writer.add_uint64(1, exited.token);
    if (exited.code != 0) writer.add_int32(2, exited.code);
    if (exited.signal != 0) writer.add_int32(3, exited.signal);
  });
}

}  // namespace isopop::executor
