#include "pop_node/kv/kv_translation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "common/text/text.h"

namespace isopop::pop {
namespace {

// As the control plane has them.
constexpr std::size_t kKeyBytesMax = 512;
constexpr std::size_t kMetadataBytesMax = 1024;
constexpr std::uint32_t kListMax = 1'000;
constexpr std::int64_t kAgeSecondsMax = 10LL * 365 * 24 * 3600;

std::optional<std::string_view> header_of(const v1::SubrequestHead& asked, std::string_view name) {
  for (const v1::Header& header : asked.headers()) {
    if (header.name() == name) return header.value();
  }
  return std::nullopt;
}

// Nothing when the header is not there.
Result<std::optional<std::int64_t>> number_of(const v1::SubrequestHead& asked,
                                              std::string_view name) {
  const auto text = header_of(asked, name);
  if (!text) return std::optional<std::int64_t>();
  const auto number = parse_integer(*text);
  if (number) return std::optional<std::int64_t>(*number);
  return invalid_argument(std::string(name) + " must be a number");
}

Result<void> check_key(const std::string& key) {
  if (key.empty() || key == "." || key == "..") {
    return invalid_argument("a key must not be empty, \".\" or \"..\"");
  }
  if (key.size() <= kKeyBytesMax) return {};
  return invalid_argument("UTF-8 encoded length of " + std::to_string(key.size()) +
                          " exceeds key length limit of " + std::to_string(kKeyBytesMax) + ".");
}

Result<std::string> namespace_of(const v1::SubrequestHead& asked,
                                 const v1::WorkerSettings& settings) {
  for (const v1::KvBinding& binding : settings.kv()) {
    if (binding.name() == asked.binding()) return binding.namespace_();
  }
  return invalid_argument("the worker has no such binding");
}

Result<KvOperation> to_read(const v1::SubrequestHead& asked, std::string space) {
  ISOPOP_TRY_ASSIGN(const auto age_max, number_of(asked, "age-max"));
  KvRead read{.key = {.space = std::move(space), .key = asked.url()}};
  if (age_max) {
    read.age_max = std::chrono::seconds(std::clamp<std::int64_t>(*age_max, 0, kAgeSecondsMax));
  }
  return KvOperation(std::move(read));
}

Result<KvOperation> to_write(const v1::SubrequestHead& asked, std::string body, std::string space) {
  v1::KvWriteRequest::Write write;
  write.set_namespace_(std::move(space));
  write.set_key(asked.url());
  if (asked.method() == "DELETE") {
    write.set_deleted(true);
    return KvOperation(std::move(write));
  }
  write.set_value(std::move(body));
  ISOPOP_TRY_ASSIGN(const auto expiration, number_of(asked, "expiration"));
  write.set_expires_at_s(expiration.value_or(0));
  if (const auto metadata = header_of(asked, "metadata")) {
    if (metadata->size() > kMetadataBytesMax || !nlohmann::json::accept(*metadata)) {
      return invalid_argument("the metadata is no JSON, or longer than 1024 bytes");
    }
    write.set_metadata(std::string(*metadata));
  }
  return KvOperation(std::move(write));
}

Result<KvOperation> to_list(const v1::SubrequestHead& asked, std::string space) {
  v1::KvListRequest request;
  request.set_namespace_(std::move(space));
  if (asked.url().size() > kKeyBytesMax) return invalid_argument("the prefix is too long");
  request.set_prefix(asked.url());
  ISOPOP_TRY_ASSIGN(const auto limit, number_of(asked, "limit"));
  request.set_limit(
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(limit.value_or(kListMax), 1, kListMax)));
  if (const auto cursor = header_of(asked, "cursor")) {
    // A string of JSON is one of UTF-8, which a proto field must be.
    if (cursor->size() > kKeyBytesMax ||
        !nlohmann::json::accept(
            nlohmann::json(std::string(*cursor))
                .dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore))) {
      return invalid_argument("the cursor is none that was given");
    }
    request.set_cursor(std::string(*cursor));
  }
  return KvOperation(std::move(request));
}

void add_header(v1::ResponseHead& head, std::string name, std::string value) {
  v1::Header& header = *head.add_headers();
  header.set_name(std::move(name));
  header.set_value(std::move(value));
}

KvReply reply_of(std::uint32_t status, std::string body = {}) {
  KvReply reply{.head = {}, .body = std::make_shared<const std::string>(std::move(body))};
  reply.head.set_status(status);
  return reply;
}

std::uint32_t status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:  // the namespace
      return 400;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return 403;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

Result<KvOperation> to_kv_operation(const v1::SubrequestHead& asked, std::string body,
                                    const v1::WorkerSettings& settings) {
  ISOPOP_TRY_ASSIGN(std::string space, namespace_of(asked, settings));
  if (asked.method() == "LIST") return to_list(asked, std::move(space));
  ISOPOP_TRY(check_key(asked.url()));
  if (asked.method() == "GET") return to_read(asked, std::move(space));
  if (asked.method() == "PUT" || asked.method() == "DELETE") {
    return to_write(asked, std::move(body), std::move(space));
  }
  return invalid_argument("a namespace knows GET, PUT, DELETE and LIST");
}

KvReply to_kv_reply(const Result<KvCopy>& read) {
  if (!read.ok()) return to_kv_reply(read.error());
  const KvCopy& copy = read.value();
  if (!copy->found()) return reply_of(404);
  KvReply reply = reply_of(200);
  // The copy lives as long as its value is being sent.
  reply.body = std::shared_ptr<const std::string>(copy, &copy->value());
  if (!copy->metadata().empty()) add_header(reply.head, "metadata", copy->metadata());
  if (copy->expires_at_s() != 0) {
    add_header(reply.head, "expiration", std::to_string(copy->expires_at_s()));
  }
  return reply;
}

KvReply to_kv_reply(const Result<void>& written) {
  return written.ok() ? reply_of(200) : to_kv_reply(written.error());
}

KvReply to_kv_reply(const Result<v1::KvListResponse>& listed) {
  if (!listed.ok()) return to_kv_reply(listed.error());
  nlohmann::ordered_json keys = nlohmann::ordered_json::array();
  for (const v1::KvListResponse::Key& key : listed.value().keys()) {
    nlohmann::ordered_json entry = {{"name", key.name()}};
    if (key.expires_at_s() != 0) entry["expiration"] = key.expires_at_s();
    if (!key.metadata().empty()) {
      entry["metadata"] = nlohmann::ordered_json::parse(key.metadata(), nullptr, false);
    }
    keys.push_back(std::move(entry));
  }
  const std::string& cursor = listed.value().cursor();
  nlohmann::ordered_json answer = {{"keys", std::move(keys)}, {"list_complete", cursor.empty()}};
  if (!cursor.empty()) answer["cursor"] = cursor;
  return reply_of(200,
                  answer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

KvReply to_kv_reply(const Error& error) {
  return reply_of(status_of(error.code), error.message);
}

}  // namespace isopop::pop
