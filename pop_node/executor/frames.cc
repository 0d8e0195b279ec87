#include "pop_node/executor/frames.h"

#include <set>
#include <utility>

#include "pop_node/executor/frame_parts.h"
#include "pop_node/executor/subrequest_frames.h"

namespace isopop::executor {
namespace {

ModuleSource read_module(pbf_reader reader) {
  ModuleSource module;
  std::uint32_t type = 0;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        module.name = reader.get_string();
        break;
      case field(2, kVarint):
        type = static_cast<std::uint32_t>(reader.get_enum());
        break;
      case field(3, kBytes):
        module.content = reader.get_string();
        break;
      default:
        reader.skip();
    }
  }
  // An unknown type becomes data: its bytes are all that can be said of it.
  module.type = type >= 1 && type <= 5 ? static_cast<ModuleType>(type) : ModuleType::kData;
  return module;
}

Result<Bundle> read_bundle(pbf_reader reader) {
  Bundle bundle;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        bundle.main_module = reader.get_string();
        break;
      case field(2, kBytes):
        bundle.modules.push_back(read_module(reader.get_message()));
        break;
      default:
        reader.skip();
    }
  }
  std::set<std::string_view> names;
  for (const ModuleSource& module : bundle.modules) {
    if (module.name.empty()) return broken("the bundle has a module without a name");
    if (!names.insert(module.name).second) {
      return broken("the bundle has two modules with the name " + module.name);
    }
  }
  if (!names.contains(bundle.main_module)) {
    return broken("the bundle has no module with the name of its main module: \"" +
                  bundle.main_module + "\"");
  }
  return bundle;
}

Limits read_limits(pbf_reader reader) {
  Limits limits;
  const auto read = [&reader](std::uint32_t& into) {
    const std::uint32_t value = reader.get_uint32();
    if (value != 0) into = value;
  };
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kVarint):
        read(limits.cpu_ms);
        break;
      case field(2, kVarint):
        read(limits.wall_ms);
        break;
      case field(3, kVarint):
        read(limits.top_level_cpu_ms);
        break;
      case field(4, kVarint):
        read(limits.heap_mib);
        break;
      case field(6, kVarint):
        read(limits.memory_mib);
        break;
      case field(7, kVarint):
        read(limits.subrequests);
        break;
      case field(8, kVarint):
        read(limits.log_kib);
        break;
      default:
        reader.skip();
    }
  }
  return limits;
}

Variable read_variable(pbf_reader reader) {
  Variable variable;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        variable.name = reader.get_string();
        break;
      case field(2, kBytes):
        variable.value = reader.get_string();
        variable.is_json = false;
        break;
      case field(3, kBytes):
        variable.value = reader.get_string();
        variable.is_json = true;
        break;
      default:
        reader.skip();
    }
  }
  return variable;
}

// What makes up `env` stands in Load.version.settings: variables, and names of KV bindings.
void read_env(pbf_reader version, LoadFrame& load) {
  while (version.next(6, kBytes)) {
    pbf_reader settings = version.get_message();
    while (settings.next()) {
      switch (settings.tag_and_type()) {
        case field(3, kBytes):
          load.variables.push_back(read_variable(settings.get_message()));
          break;
        case field(4, kBytes): {
          pbf_reader binding = settings.get_message();
          while (binding.next(1, kBytes)) load.kv_bindings.push_back(binding.get_string());
          break;
        }
        default:
          settings.skip();
      }
    }
  }
}

Result<InboundFrame> read_load(pbf_reader reader) {
  LoadFrame load;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        read_env(reader.get_message(), load);
        break;
      case field(2, kBytes): {
        ISOPOP_TRY_ASSIGN(load.bundle, read_bundle(reader.get_message()));
        break;
      }
      case field(3, kBytes): {
        pbf_reader place = reader.get_message();
        while (place.next(1, kBytes)) load.colo = place.get_string();
        break;
      }
      case field(4, kVarint): {
        const std::int32_t value = reader.get_enum();
        if (value < 1 || value > 4) return broken("Load names no isolation");
        load.isolation = static_cast<Isolation>(value);
        break;
      }
      case field(5, kBytes):
        load.limits = read_limits(reader.get_message());
        break;
      default:
        reader.skip();
    }
  }
  if (load.bundle.modules.empty()) return broken("Load brings no bundle");
  if (load.isolation == Isolation::kUnspecified) return broken("Load names no isolation");
  return InboundFrame(std::move(load));
}

ClientPlace read_client(pbf_reader reader) {
  ClientPlace place;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        place.country = reader.get_string();
        break;
      case field(2, kBytes):
        place.city = reader.get_string();
        break;
      case field(3, kFixed64):
        place.latitude_deg = reader.get_double();
        break;
      case field(4, kFixed64):
        place.longitude_deg = reader.get_double();
        break;
      case field(5, kVarint):
        place.known = reader.get_bool();
        break;
      default:
        reader.skip();
    }
  }
  return place;
}

Result<InboundFrame> read_request(pbf_reader reader) {
  RequestFrame request;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kVarint):
        request.id = reader.get_uint32();
        break;
      case field(2, kBytes):
        request.method = reader.get_string();
        break;
      case field(3, kBytes):
        request.url = reader.get_string();
        break;
      case field(4, kBytes):
        request.headers.push_back(read_header(reader.get_message()));
        break;
      case field(5, kBytes):
        request.client = read_client(reader.get_message());
        break;
      case field(6, kBytes):
        request.body = reader.get_string();
        break;
      case field(7, kVarint):
        request.body_complete = reader.get_bool();
        break;
      case field(8, kVarint):
        request.has_body = reader.get_bool();
        break;
      case field(9, kVarint):
        request.wall_time_us = reader.get_uint64();
        break;
      case field(10, kBytes):
        request.http_protocol = reader.get_string();
        break;
      default:
        reader.skip();
    }
  }
  if (request.id == 0) return broken("a request without an id");
  if (request.method.empty() || request.url.empty()) {
    return broken("a request without method or URL");
  }
  if (request.body.size() > kBodyPieceBytesMax) return broken("a body piece above 64 KiB");
  return InboundFrame(std::move(request));
}

Result<InboundFrame> read_body(pbf_reader reader) {
  BodyFrame body;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kVarint):
        body.id = reader.get_uint32();
        break;
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
  if (body.data.size() > kBodyPieceBytesMax) return broken("a body piece above 64 KiB");
  return InboundFrame(std::move(body));
}

Result<InboundFrame> read_credit(pbf_reader reader) {
  CreditFrame credit;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kVarint):
        credit.id = reader.get_uint32();
        break;
      case field(2, kVarint):
        credit.bytes = reader.get_uint32();
        break;
      default:
        reader.skip();
    }
  }
  return InboundFrame(credit);
}

Result<InboundFrame> read_frame(pbf_reader reader) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case field(1, kBytes):
        return read_load(reader.get_message());
      case field(2, kBytes):
        return read_request(reader.get_message());
      case field(3, kBytes):
        return read_body(reader.get_message());
      case field(4, kBytes): {
        CancelFrame cancel;
        pbf_reader message = reader.get_message();
        while (message.next(1, kVarint)) cancel.id = message.get_uint32();
        return InboundFrame(cancel);
      }
      case field(5, kBytes):
        return InboundFrame(ShutdownFrame{});
      case field(6, kBytes): {
        ISOPOP_TRY_ASSIGN(SubresponseFrame subresponse, read_subresponse(reader.get_message()));
        return InboundFrame(std::move(subresponse));
      }
      case field(20, kBytes):
        return read_credit(reader.get_message());
      default:
        reader.skip();
    }
  }
  return broken("a frame of a kind that an executor does not take");
}

void write_fault(pbf_writer& message, protozero::pbf_tag_type tag, const WorkerFault& fault) {
  pbf_writer writer(message, tag);
  if (!fault.module.empty()) writer.add_string(1, fault.module);
  if (fault.line != 0) writer.add_uint32(2, fault.line);
  if (fault.column != 0) writer.add_uint32(3, fault.column);
  if (!fault.message.empty()) writer.add_string(4, fault.message);
  if (!fault.stack.empty()) writer.add_string(5, fault.stack);
}

void write_times(pbf_writer& message, protozero::pbf_tag_type tag, RunTimes times) {
  pbf_writer writer(message, tag);
  if (times.isolate_us != 0) writer.add_uint32(1, times.isolate_us);
  if (times.run_us != 0) writer.add_uint32(2, times.run_us);
}

void write_load_times(pbf_writer& message, LoadTimes times) {
  message.add_uint32(3, times.top_level_us);
  message.add_uint32(4, times.compile_us);
  if (times.checkpoint_us != 0) message.add_uint32(5, times.checkpoint_us);
  if (times.total_us != 0) message.add_uint32(6, times.total_us);
  if (times.checkpoint_kib != 0) message.add_uint32(7, times.checkpoint_kib);
}

void write_restore(pbf_writer& message, protozero::pbf_tag_type tag,
                   const RestoreFigures& figures) {
  pbf_writer writer(message, tag);
  writer.add_uint32(1, figures.restore_ns);
  writer.add_uint32(2, figures.pages_found);
  writer.add_uint32(3, figures.pages_restored);
  writer.add_uint32(4, figures.pages_dropped);
  writer.add_uint32(5, figures.mappings_undone);
}

}  // namespace

Result<InboundFrame> decode_frame(std::string_view bytes) {
  try {
    return read_frame(pbf_reader(bytes.data(), bytes.size()));
  } catch (const protozero::exception& error) {
    return broken(std::string("not a frame: ") + error.what());
  }
}

Result<Bundle> decode_bundle(std::string_view bytes) {
  try {
    return read_bundle(pbf_reader(bytes.data(), bytes.size()));
  } catch (const protozero::exception& error) {
    return broken(std::string("not a bundle: ") + error.what());
  }
}

void append_loaded(std::string& out, LoadTimes times) {
  append_frame(out, 10, [&](pbf_writer& message) {
    message.add_bool(1, true);
    write_load_times(message, times);
  });
}

void append_load_refused(std::string& out, const WorkerFault& fault, LoadTimes times) {
  append_frame(out, 10, [&](pbf_writer& message) {
    write_fault(message, 2, fault);
    write_load_times(message, times);
  });
}

void append_response(std::string& out, std::uint32_t id, const ResponseHead& head, BodyPiece body,
                     RunTimes times) {
  append_frame(out, 11, [&](pbf_writer& message) {
    message.add_uint32(1, id);
    message.add_uint32(2, head.status);
    if (!head.status_text.empty()) message.add_string(3, head.status_text);
    write_headers(message, 4, head.headers);
    if (!body.data.empty()) message.add_bytes(5, body.data.data(), body.data.size());
    if (body.last) message.add_bool(6, true);
    write_times(message, 7, times);
  });
}

void append_body(std::string& out, std::uint32_t id, BodyPiece piece) {
  append_frame(out, 12, [&](pbf_writer& message) {
    message.add_uint32(1, id);
    if (!piece.data.empty()) message.add_bytes(2, piece.data.data(), piece.data.size());
    if (piece.last) message.add_bool(3, true);
  });
}

void append_failure(std::string& out, std::uint32_t id, FailureKind kind, const WorkerFault& fault,
                    RunTimes times) {
  append_frame(out, 13, [&](pbf_writer& message) {
    message.add_uint32(1, id);
    message.add_enum(2, static_cast<std::int32_t>(kind));
    write_fault(message, 3, fault);
    write_times(message, 4, times);
  });
}

void append_finished(std::string& out, std::uint32_t id, std::uint32_t cpu_us,
                     const std::optional<RestoreFigures>& restore, LimitsReached reached) {
  append_frame(out, 14, [&](pbf_writer& message) {
    message.add_uint32(1, id);
    if (cpu_us != 0) message.add_uint32(2, cpu_us);
    if (restore.has_value()) write_restore(message, 3, *restore);
    if (reached.subrequests) message.add_bool(4, true);
    if (reached.log) message.add_bool(5, true);
  });
}

void append_credit(std::string& out, CreditFrame credit) {
  append_frame(out, 20, [&](pbf_writer& message) {
    message.add_uint32(1, credit.id);
    message.add_uint32(2, credit.bytes);
  });
}

void append_log(std::string& out, std::uint32_t id, std::string_view level, std::string_view text) {
  append_frame(out, 15, [&](pbf_writer& message) {
    if (id != 0) message.add_uint32(1, id);
    message.add_string(2, level.data(), level.size());
    message.add_string(3, text.data(), text.size());
  });
}

}  // namespace isopop::executor
