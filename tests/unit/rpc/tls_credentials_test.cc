#include "common/rpc/tls_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "common/files/files.h"
#include "common/rpc/rpc.h"
#include "isopop/v1/control.grpc.pb.h"
#include "tests/support/certificates.h"
#include "tests/support/wait.h"

namespace isopop::rpc {
namespace {

using test::CertificateAuthority;
using ::testing::HasSubstr;

class StatusService final : public v1::Control::Service {
  grpc::Status GetStatus(grpc::ServerContext* /*context*/, const v1::GetStatusRequest* /*request*/,
                         v1::Status* /*response*/) override {
    return grpc::Status::OK;
  }
};

// A server, and clients with certificates of all kinds.
class TlsCredentialsTest : public ::testing::Test {
 protected:
  void serve(const TlsFiles& tls) {
    server_ = Server::create("127.0.0.1:0", {&service_}, tls).value();
  }
  // One call through a new channel. Of a host other than the server's, with its port.
  grpc::Status call(const TlsFiles& tls, const std::string& host = "127.0.0.1") {
    const std::string port = server_->address().substr(server_->address().rfind(':'));
    const auto stub = v1::Control::NewStub(connect(host + port, tls));
    grpc::ClientContext context;
    v1::Status answer;
    return stub->GetStatus(&context, {}, &answer);
  }
  // Why it found no connection; the test fails if it found one.
  std::string complaint(const TlsFiles& tls, const std::string& host = "127.0.0.1") {
    const grpc::Status status = call(tls, host);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    return explain_tls(status, tls);
  }
  bool reaches(const TlsFiles& tls, const std::string& host = "127.0.0.1") {
    const grpc::Status status = call(tls, host);
    EXPECT_EQ(explain_tls(status, tls).empty(), status.ok());
    return status.ok();
  }

  TempFolder folder_ = TempFolder::create("tls-test-").value();
  CertificateAuthority ca_{folder_.path(), "own"};
  CertificateAuthority foreign_ca_{folder_.path(), "foreign"};
  TlsFiles server_files_ = ca_.issue({.name = "server"});
  TlsFiles client_ = ca_.issue({.name = "client", .alternative_names = "DNS:client"});
  StatusService service_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsCredentialsTest, ThoseOfOneAuthorityReachEachOther) {
  serve(server_files_);
  EXPECT_TRUE(reaches(client_));
  EXPECT_TRUE(reaches(client_, "localhost"));
}

TEST_F(TlsCredentialsTest, AServerOfAnotherNameIsNotBelieved) {
  serve(ca_.issue({.name = "elsewhere", .alternative_names = "DNS:elsewhere"}));
  EXPECT_THAT(complaint(client_), HasSubstr("for another name"));
  EXPECT_THAT(complaint(client_, "localhost"), HasSubstr("for another name"));
}

TEST_F(TlsCredentialsTest, AServerOfAnotherAuthorityIsNotBelieved) {
  TlsFiles files = foreign_ca_.issue({.name = "foreign"});
  files.ca = client_.ca;
  serve(files);
  EXPECT_EQ(complaint(client_),
            "its certificate has expired or is not signed by the CA in " + client_.ca);
}

TEST_F(TlsCredentialsTest, AnExpiredServerIsNotBelieved) {
  serve(ca_.issue({.name = "old", .validity = CertificateAuthority::Validity::kExpired}));
  EXPECT_THAT(complaint(client_), HasSubstr("its certificate has expired"));
}

TEST_F(TlsCredentialsTest, AClientOfAnotherAuthorityIsRefused) {
  serve(server_files_);
  TlsFiles files = foreign_ca_.issue({.name = "foreign"});
  files.ca = client_.ca;
  EXPECT_THAT(complaint(files),
              HasSubstr("it hung up when it saw the certificate in " + files.certificate));
}

TEST_F(TlsCredentialsTest, AClientWithoutACertificateIsTakenIfItBelievesTheServer) {
  serve(server_files_);
  TlsFiles files;
  files.ca = client_.ca;
  EXPECT_TRUE(reaches(files));
  files.ca = foreign_ca_.issue({.name = "foreign"}).ca;
  EXPECT_THAT(complaint(files), HasSubstr("not signed by the CA in " + files.ca));
}

TEST_F(TlsCredentialsTest, AnExpiredClientIsRefused) {
  serve(server_files_);
  const TlsFiles old =
      ca_.issue({.name = "old", .validity = CertificateAuthority::Validity::kExpired});
  EXPECT_EQ(complaint(old),
            "it refuses the certificate in " + old.certificate + ", which has expired");
}

TEST_F(TlsCredentialsTest, PlainTextAndTlsDoNotMeet) {
  serve(server_files_);
  EXPECT_THAT(complaint({}), HasSubstr("if it speaks TLS, name its CA"));
  serve({});
  EXPECT_THAT(complaint(client_), HasSubstr("it does not speak TLS"));
  EXPECT_TRUE(reaches({}));
}

TEST_F(TlsCredentialsTest, NobodyThereIsNoMatterOfTls) {
  serve({});
  server_->shutdown(std::chrono::milliseconds(0));
  EXPECT_EQ(complaint(client_), "");
  EXPECT_EQ(complaint({}), "");
}

TEST_F(TlsCredentialsTest, FilesThatCannotBeUsedAreSaidSo) {
  TlsFiles files = server_files_;
  files.key = client_.key;
  const auto server = Server::create("127.0.0.1:0", {&service_}, files);
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.error().message, HasSubstr(client_.key));
}

TEST_F(TlsCredentialsTest, AServersNewCertificateIsTakenUp) {
  const CertificateAuthority::Subject expired{.name = "server",
                                              .validity = CertificateAuthority::Validity::kExpired};
  serve(ca_.issue(expired));
  ASSERT_FALSE(reaches(client_));
  server_files_ = ca_.issue({.name = "server"});
  EXPECT_TRUE(test::wait_until([this] { return call(client_).ok(); }));
}

TEST_F(TlsCredentialsTest, AClientsNewCertificateIsTakenUpByItsChannel) {
  serve(server_files_);
  const TlsFiles files =
      ca_.issue({.name = "worn", .validity = CertificateAuthority::Validity::kExpired});
  const auto stub = v1::Control::NewStub(connect(server_->address(), files));
  const auto succeeds = [&stub] {
    grpc::ClientContext context;
    v1::Status answer;
    return stub->GetStatus(&context, {}, &answer).ok();
  };
  ASSERT_FALSE(succeeds());
  ASSERT_EQ(ca_.issue({.name = "worn"}).certificate, files.certificate);
  EXPECT_TRUE(test::wait_until(succeeds));
}

// Half of a pair, then nothing that is PEM: as when somebody copies files over one by one.
TEST_F(TlsCredentialsTest, AServerOutlivesFilesThatCannotBeUsed) {
  serve(server_files_);
  const std::string key = read_file(server_files_.key).value();
  const std::string certificate = read_file(server_files_.certificate).value();
  ASSERT_TRUE(write_file_atomically(server_files_.key, read_file(client_.key).value()).ok());
  EXPECT_TRUE(test::wait_until([this] { return !call(client_).ok(); }));
  ASSERT_TRUE(write_file_atomically(server_files_.certificate, "nothing").ok());
  ASSERT_TRUE(write_file_atomically(server_files_.key, key).ok());
  EXPECT_FALSE(call(client_).ok());
  ASSERT_TRUE(write_file_atomically(server_files_.certificate, certificate).ok());
  EXPECT_TRUE(test::wait_until([this] { return call(client_).ok(); }));
}

TEST_F(TlsCredentialsTest, ANewAuthorityIsBelievedOnceItIsInTheFile) {
  TlsFiles files = server_files_;
  files.ca = (folder_.path() / "believed.crt").string();
  const std::string own = read_file(client_.ca).value();
  ASSERT_TRUE(write_file_atomically(files.ca, own).ok());
  serve(files);
  TlsFiles foreign = foreign_ca_.issue({.name = "foreign"});
  const std::string foreign_ca = read_file(foreign.ca).value();
  foreign.ca = client_.ca;
  ASSERT_FALSE(reaches(foreign));
  ASSERT_TRUE(write_file_atomically(files.ca, own + foreign_ca).ok());
  EXPECT_TRUE(test::wait_until([&] { return call(foreign).ok(); }));
}

}  // namespace
}  // namespace isopop::rpc
