// The same worker and the same requests in `fresh` and in `pristine`: every byte of every answer
// must be the same. `fresh` makes a new environment for each request, so nothing can be left in it;
// what differs is something that a restore has left behind, or has taken away.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "common/files/files.h"
#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kStartUs = 1'795'000'000'000'000;

// A worker of the source tree: where its modules come from, by their names in the bundle.
struct Subject {
  std::string title;
  std::map<std::string, fs::path> modules;
};

void PrintTo(const Subject& subject, std::ostream* out) {
  *out << subject.title;
}

fs::path source_folder() {
  return fs::path(ISOPOP_SOURCE_DIR);
}

v1::ModuleType type_of(const fs::path& path) {
  static const std::map<std::string, v1::ModuleType> types = {{".js", v1::MODULE_TYPE_ES_MODULE},
                                                              {".json", v1::MODULE_TYPE_JSON},
                                                              {".wasm", v1::MODULE_TYPE_WASM},
                                                              {".html", v1::MODULE_TYPE_TEXT},
                                                              {".txt", v1::MODULE_TYPE_TEXT}};
  return types.at(path.extension().string());
}

// Every .js in a folder as a worker of its own, with the modules that they share.
void add_files(std::vector<Subject>& subjects, const std::string& folder,
               const std::map<std::string, fs::path>& shared,
               const std::vector<std::string>& except = {}) {
  for (const auto& entry : fs::directory_iterator(source_folder() / folder)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".js" || shared.contains(stem + ".js") ||
        std::find(except.begin(), except.end(), stem) != except.end()) {
      continue;
    }
    Subject subject{.title = entry.path().parent_path().filename().string() + "_" + stem,
                    .modules = shared};
    subject.modules["index.js"] = entry.path();
    subjects.push_back(std::move(subject));
  }
}

std::vector<Subject> all_subjects() {
  std::vector<Subject> subjects;
  for (const auto& entry : fs::directory_iterator(source_folder() / "workers")) {
    if (!entry.is_directory()) continue;
    std::string title = "example_" + entry.path().filename().string();
    std::replace(title.begin(), title.end(), '-', '_');
    Subject subject{.title = title, .modules = {}};
    for (const auto& file : fs::recursive_directory_iterator(entry.path())) {
      if (!file.is_regular_file() || file.path().extension() == ".yaml") continue;
      subject.modules[fs::relative(file.path(), entry.path()).string()] = file.path();
    }
    subjects.push_back(std::move(subject));
  }
  const fs::path support = source_folder() / "tests/hostile/support";
  const std::map<std::string, fs::path> hostile = {{"attack.js", support / "attack.js"},
                                                   {"drawer.js", support / "drawer.js"},
                                                   {"state.wasm", support / "state.wasm"}};
  const std::string here = "tests/integration/executor";
  add_files(subjects, here + "/workers",
            {{"harness.js", source_folder() / here / "workers/harness.js"}});
  add_files(subjects, here + "/equivalence", hostile);
  add_files(subjects, "tests/hostile/state", hostile);
  add_files(subjects, "tests/hostile/clocks", hostile);
  // How often it gets to log something depends on where the stack begins.
  add_files(subjects, "tests/hostile/runtime", hostile, {"stack_exhaustion_in_platform"});
  std::sort(subjects.begin(), subjects.end(),
            [](const Subject& a, const Subject& b) { return a.title < b.title; });
  return subjects;
}

v1::Load load_of(const Subject& subject, v1::Isolation isolation) {
  std::vector<ModuleText> modules;
  for (const auto& [name, path] : subject.modules) {
    const Result<std::string> content = read_file(path);
    EXPECT_TRUE(content.ok()) << path;
    modules.push_back({.name = name, .type = type_of(path), .content = content.value()});
  }
  return make_load(make_bundle(std::move(modules)), isolation);
}

// What is asked, in this order, of every worker; some of it means something only to some of them.
struct Asked {
  std::string method;
  std::string path;
  std::string body;
  enum class Client { kWaits, kGoesAway } client = Client::kWaits;
};

std::vector<Asked> sequence() {
  const std::string large(150'000, 'b');
  const std::string json = R"({"hello":"wörld","ids":["1","2"],"list":[1,2.5,null]})";
  constexpr auto kGoesAway = Asked::Client::kGoesAway;
  return {{"GET", "/first", ""},
          {"GET", "/second", ""},
          {"POST", "/json", json},
          {"POST", "/stream", large},
          {"GET", "/throw", ""},
          {"GET", "/products/2", ""},
          {"GET", "/well", ""},
          {"POST", "/api/quote", json},
          {"HEAD", "/", ""},
          {"GET", "/null", ""},
          {"GET", "/symbol", ""},
          {"POST", "/abort", "half of", kGoesAway},
          {"PUT", "/text", "wörld"},
          {"GET", "/?a=2&b=40", ""},
          {"GET", "/first", ""},
          {"DELETE", "/thing", ""},
          {"GET", "/late", ""},
          {"GET", "/api/products", ""},
          {"GET", "/wait", "", kGoesAway},
          {"GET", "/string", ""},
          {"POST", "/json", json},
          {"GET", "/undefined", ""},
          {"GET", "/well", ""},
          {"GET", "/second", ""}};
}

// All of an answer that a client or an operator could see, but for what took how long.
std::string show(const Answer& answer) {
  std::string text;
  if (answer.head) {
    v1::ResponseHead head = *answer.head;
    head.clear_times();
    head.clear_body();  // how a body is cut into pieces depends on when the peer takes them
    head.clear_body_complete();
    text += "head: " + head.ShortDebugString() + "\n";
  }
  text += "body: " + answer.body + (answer.body_complete ? " (whole)\n" : " (not whole)\n");
  if (answer.failure) {
    v1::Failure failure = *answer.failure;
    failure.clear_times();
    if (failure.kind() != v1::FAILURE_KIND_EXCEPTION) {
      // Where the code was when its time was up is chance.
      failure.mutable_fault()->clear_column();
      failure.mutable_fault()->clear_stack();
    }
    text += "failure: " + failure.ShortDebugString() + "\n";
  }
  for (const v1::LogRecord& log : answer.logs) text += "log: " + log.ShortDebugString() + "\n";
  return text + (answer.finished ? "finished\n" : "not finished\n");
}

// What a worker asks of others is answered at once, with what it asked.
void answer_subrequest(ExecutorClient& executor, const v1::Subrequest& asked) {
  if (!asked.has_head()) return;
  v1::Frame frame;
  v1::Subresponse& said = *frame.mutable_subresponse();
  said.set_parent(asked.parent());
  said.set_id(asked.id());
  said.mutable_head()->set_status(203);
  said.mutable_head()->set_body(asked.head().method() + " " + asked.head().url());
  said.mutable_head()->set_body_complete(true);
  executor.send(frame);
}

// All that comes for a request until it is finished. Its body is taken as it comes.
Answer receive(ExecutorClient& executor, std::uint32_t id) {
  Answer answer;
  while (!answer.finished) {
    const std::optional<v1::Frame> frame = executor.next();
    if (!frame) break;
    if (frame->has_subrequest()) answer_subrequest(executor, frame->subrequest());
    if (frame->has_failure()) answer.failure = frame->failure();
    if (frame->has_log()) answer.logs.push_back(frame->log());
    if (frame->has_finished()) answer.finished = frame->finished();
    if (!frame->has_response() && !frame->has_response_body()) continue;
    if (frame->has_response()) answer.head = frame->response();
    const std::string& data =
        frame->has_response() ? frame->response().body() : frame->response_body().data();
    answer.body += data;
    answer.body_complete =
        frame->has_response() ? frame->response().body_complete() : frame->response_body().last();
    const auto bytes = static_cast<std::uint32_t>(data.size());
    if (bytes > 0 && !answer.body_complete) executor.send_credit(id, bytes);
  }
  return answer;
}

// One executor after the other, as a PoP would start them: after a breach it ends.
class Run final {
 public:
  explicit Run(v1::Load load) : load_(std::move(load)) { start(); }

  std::string ask(std::uint32_t id, const Asked& asked) {
    v1::RequestHead request = make_request(id, asked.path);
    request.set_method(asked.method);
    request.set_wall_time_us(kStartUs + id * 1'000'000ULL);
    v1::Header& header = *request.add_headers();
    header.set_name("x-id");
    header.set_value(std::to_string(id));
    const bool goes_away = asked.client == Asked::Client::kGoesAway;
    request.set_has_body(!asked.body.empty());
    const std::size_t first = std::min<std::size_t>(asked.body.size(), 60'000);
    request.set_body(asked.body.substr(0, first));
    request.set_body_complete(first == asked.body.size() && !goes_away);
    // A client that goes away does so before the worker can have done anything: how far it gets
    // otherwise is chance.
    if (goes_away) executor_->hold();
    executor_->send_request(request);
    for (std::size_t at = first; at < asked.body.size(); at += 50'000) {
      executor_->send_body(id, asked.body.substr(at, 50'000), at + 50'000 >= asked.body.size());
    }
    if (goes_away) {
      executor_->send_cancel(id);
      executor_->release();
    }
    const Answer answer = receive(*executor_, id);
    const bool may_end = answer.failure && answer.failure->kind() != v1::FAILURE_KIND_EXCEPTION;
    // It is about to end, or not, by its mode; a new one is as good.
    if (may_end || !answer.finished) start();
    return show(answer);
  }

 private:
  void start() {
    executor_.emplace(ExecutorClient::start());
    const v1::Loaded loaded = executor_->load(load_);
    EXPECT_TRUE(loaded.ok()) << loaded.ShortDebugString();
  }

  v1::Load load_;
  std::optional<ExecutorClient> executor_;
};

std::vector<std::string> answers_of(const Subject& subject, v1::Isolation isolation) {
  v1::Load load = load_of(subject, isolation);
  load.mutable_limits()->set_cpu_ms(2'000);
  Run run(load);
  std::vector<std::string> answers;
  std::uint32_t id = 0;
  for (const Asked& asked : sequence()) {
    ++id;
    answers.push_back("request " + std::to_string(id) + ": " + asked.method + " " + asked.path +
                      "\n" + run.ask(id, asked));
  }
  return answers;
}

class Equivalence : public testing::TestWithParam<Subject> {};
INSTANTIATE_TEST_SUITE_P(Workers, Equivalence, testing::ValuesIn(all_subjects()),
                         [](const auto& entry) { return entry.param.title; });

TEST_P(Equivalence, EveryByteIsTheSameInFreshAndPristine) {
  if (!kServesPristine) GTEST_SKIP() << "this build has no checkpoints";
  const std::vector<std::string> expected = answers_of(GetParam(), v1::ISOLATION_FRESH);
  const std::vector<std::string> got = answers_of(GetParam(), v1::ISOLATION_PRISTINE);
  ASSERT_EQ(expected.size(), got.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(expected[i], got[i]);
}

Subject subject_named(const std::string& title) {
  for (Subject& subject : all_subjects()) {
    if (subject.title == title) return std::move(subject);
  }
  ADD_FAILURE() << "no worker " << title;
  return {};
}

// The comparison finds a difference where there is one.
TEST(EquivalenceOfAKeptEnvironment, IsNone) {
  const Subject subject = subject_named("equivalence_globals_touched");
  EXPECT_NE(answers_of(subject, v1::ISOLATION_FRESH), answers_of(subject, v1::ISOLATION_WARM));
}

// And what is compared is more than the same failure.
TEST(EquivalenceOfSubrequests, IsThatOfAnswers) {
  const std::vector<std::string> answers =
      answers_of(subject_named("equivalence_asks_others"), v1::ISOLATION_PRISTINE);
  EXPECT_NE(answers.front().find("203 POST http://d.example/"), std::string::npos)
      << answers.front();
}

}  // namespace
}  // namespace isopop::test
