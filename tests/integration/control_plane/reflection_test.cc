// What grpcurl asks: which services there are, what their messages look like, and how they are.
// The two protocols are spoken field by field, since their .proto files are no part of this tree.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/rpc/rpc.h"
#include "tests/integration/control_plane/control_process.h"

namespace isopop::control::test {
namespace {

using google::protobuf::UnknownFieldSet;
using testing::IsSupersetOf;

// Fields of grpc.reflection.v1alpha and grpc.health.v1.
constexpr int kFileContainingSymbol = 4;
constexpr int kListServices = 7;
constexpr int kFileDescriptorResponse = 4;
constexpr int kListServicesResponse = 6;
constexpr std::uint64_t kServing = 1;

grpc::ByteBuffer to_buffer(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string from_buffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  static_cast<void>(buffer.Dump(&slices));
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

// A message with one field.
std::string message_of(int number, const std::string& value) {
  UnknownFieldSet fields;
  fields.AddLengthDelimited(number, value);
  std::string bytes;
  fields.SerializeToString(&bytes);
  return bytes;
}

// The submessages or texts under a number.
std::vector<std::string> values(const std::string& message, int number) {
  UnknownFieldSet fields;
  fields.ParseFromString(message);
  std::vector<std::string> found;
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    if (field.number() == number &&
        field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      found.push_back(field.length_delimited());
    }
  }
  return found;
}

std::string nested(const std::string& message, int number) {
  const std::vector<std::string> found = values(message, number);
  return found.empty() ? std::string() : found.front();
}

class ReflectionTest : public testing::Test {
 protected:
  void SetUp() override { control_.start(); }

  // One message there and one back.
  std::string ask(const std::string& method, const std::string& message) {
    grpc::GenericStub stub(rpc::connect(control_.endpoint()));
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    grpc::ByteBuffer answer;
    const auto step = [&queue](auto begin) {
      begin();
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    EXPECT_TRUE(step([&] { call->StartCall(nullptr); }));
    EXPECT_TRUE(step([&] { call->Write(to_buffer(message), nullptr); }));
    EXPECT_TRUE(step([&] { call->WritesDone(nullptr); }));
    EXPECT_TRUE(step([&] { call->Read(&answer, nullptr); })) << method;
    grpc::Status status;
    EXPECT_TRUE(step([&] { call->Finish(&status, nullptr); }));
    EXPECT_TRUE(status.ok()) << status.error_message();
    return from_buffer(answer);
  }
  std::string reflect(int field, const std::string& value) {
    return ask("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
               message_of(field, value));
  }

  ControlProcess control_;
};

TEST_F(ReflectionTest, NamesEveryService) {
  std::vector<std::string> services;
  for (const std::string& bytes :
       values(nested(reflect(kListServices, ""), kListServicesResponse), 1)) {
    services.push_back(values(bytes, 1).at(0));
  }
  EXPECT_THAT(services,
              IsSupersetOf({"isopop.v1.Access", "isopop.v1.Control", "isopop.v1.Distribution",
                            "isopop.v1.Identity", "isopop.v1.Kv", "isopop.v1.Operations",
                            "isopop.v1.Rollouts", "isopop.v1.Secrets", "grpc.health.v1.Health"}));
}

TEST_F(ReflectionTest, DescribesAServiceSoThatItCanBeCalled) {
  const std::vector<std::string> files = values(
      nested(reflect(kFileContainingSymbol, "isopop.v1.Operations"), kFileDescriptorResponse), 1);
  bool found = false;
  for (const std::string& bytes : files) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    for (const auto& service : file.service()) {
      if (service.name() != "Operations") continue;
      found = true;
      EXPECT_EQ(service.method_size(), 5);
    }
  }
  EXPECT_TRUE(found);
}

TEST_F(ReflectionTest, SaysThatItServes) {
  UnknownFieldSet answer;
  answer.ParseFromString(ask("/grpc.health.v1.Health/Check", message_of(1, "")));
  ASSERT_EQ(answer.field_count(), 1);
  EXPECT_EQ(answer.field(0).varint(), kServing);
}

}  // namespace
}  // namespace isopop::control::test
