// The rules themselves, held against files made up here: each must find what it is for, and must
// leave alone what looks like it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/files/files.h"
#include "tests/tidy/exceptions.h"
#include "tests/tidy/include_rules.h"
#include "tests/tidy/source_file.h"
#include "tests/tidy/text_rules.h"
#include "tests/tidy/tree_rules.h"

namespace isopop::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> texts(const std::vector<Finding>& findings) {
  std::vector<std::string> list;
  list.reserve(findings.size());
  for (const Finding& finding : findings) list.push_back(to_string(finding));
  return list;
}

std::vector<std::string> includes(std::string path, std::string include) {
  return texts(
      check_include_table(make_source_file(std::move(path), "#include " + include + "\n")));
}

std::vector<std::string> libraries(std::string path, std::string include) {
  return texts(
      check_library_headers(make_source_file(std::move(path), "#include " + include + "\n")));
}

std::vector<std::string> banned(std::string line, std::string path = "router/geo/x.cc") {
  return texts(check_banned_words(make_source_file(std::move(path), line + "\n")));
}

TEST(TidyRulesTest, IncludeTableKeepsComponentsApart) {
  EXPECT_THAT(includes("sim/replay/x.cc", "\"pop_node/pool/y.h\""),
              ElementsAre(HasSubstr("sim/replay/x.cc:1: must not include \"pop_node/pool/y.h\"")));
  EXPECT_THAT(includes("sim/replay/x.cc", "\"router/http/y.h\""), SizeIs(1));
  EXPECT_THAT(includes("sim/replay/x.cc", "\"router/geo/y.h\""), IsEmpty());
  EXPECT_THAT(includes("common/text/x.cc", "\"isopop/v1/worker.pb.h\""), SizeIs(1));
  EXPECT_THAT(includes("router/geo/x.cc", "\"isopop/v1/worker.pb.h\""), SizeIs(1));
  EXPECT_THAT(includes("router/rpc/x.cc", "\"isopop/v1/worker.pb.h\""), IsEmpty());
  EXPECT_THAT(includes("pop_node/executor/x.cc", "\"isopop/v1/worker.pb.h\""), SizeIs(1));
  EXPECT_THAT(includes("pop_node/http/x.cc", "\"pop_node/executor/frames.h\""), SizeIs(1));
  EXPECT_THAT(includes("control_plane/rpc/x.cc", "\"tests/support/wait.h\""), SizeIs(1));
}

TEST(TidyRulesTest, IncludesGoFromTheRoot) {
  EXPECT_THAT(includes("router/geo/x.cc", "\"x.h\""), SizeIs(1));
  EXPECT_THAT(includes("router/geo/x.cc", "<vector>"), IsEmpty());
  EXPECT_THAT(includes("elsewhere/x.cc", "<vector>"), ElementsAre(HasSubstr("not in the table")));
}

TEST(TidyRulesTest, LibraryHeadersStayInTheirFolders) {
  EXPECT_THAT(libraries("pop_node/http/x.cc", "<v8.h>"),
              ElementsAre("pop_node/http/x.cc:1: must not see V8 (v8.h): speak to an executor"));
  EXPECT_THAT(libraries("pop_node/executor/x.cc", "<v8.h>"), IsEmpty());
  EXPECT_THAT(libraries("router/policy/x.cc", "<grpcpp/grpcpp.h>"), SizeIs(1));
  EXPECT_THAT(libraries("router/policy/x.cc", "\"isopop/v1/control.grpc.pb.h\""), SizeIs(1));
  EXPECT_THAT(libraries("router/rpc/x.cc", "\"isopop/v1/control.grpc.pb.h\""), IsEmpty());
  EXPECT_THAT(libraries("router/policy/x.cc", "<boost/asio/post.hpp>"), SizeIs(1));
  EXPECT_THAT(libraries("router/policy/x.cc", "\"common/event_loop/asio.h\""), SizeIs(1));
  EXPECT_THAT(libraries("router/http/x.cc", "<boost/asio/post.hpp>"), IsEmpty());
  EXPECT_THAT(libraries("router/main.cc", "<boost/asio/post.hpp>"), IsEmpty());
  EXPECT_THAT(libraries("sim/topology/x.cc", "<yaml-cpp/yaml.h>"), SizeIs(1));
  EXPECT_THAT(libraries("tests/unit/x_test.cc", "<yaml-cpp/yaml.h>"), IsEmpty());
}

TEST(TidyRulesTest, BannedWordsAreFoundInCode) {
  EXPECT_THAT(
      banned("auto t = std::chrono::steady_clock::now();"),
      ElementsAre("router/geo/x.cc:1: steady_clock::now: instead take a Clock (common/time)"));
  EXPECT_THAT(banned("  std::this_thread::sleep_for(1s);"), SizeIs(1));
  EXPECT_THAT(banned("std::random_device device;"), SizeIs(1));
  EXPECT_THAT(banned("int x = rand();"), SizeIs(1));
  EXPECT_THAT(banned("std::cout << 1 << std::endl;"), SizeIs(2));
  EXPECT_THAT(banned("throw 1;"), SizeIs(1));
  EXPECT_THAT(banned("assert(x);"), SizeIs(1));
}

TEST(TidyRulesTest, BannedWordsAreNotFoundElsewhere) {
  EXPECT_THAT(banned("// never sleep_for, never throw"), IsEmpty());
  EXPECT_THAT(banned("const char* text = \"throw rand() std::endl\";"), IsEmpty());
  EXPECT_THAT(banned("/* throw\n   throw */ int x;"), IsEmpty());
  EXPECT_THAT(banned("auto js = R\"js(throw\nthrow)js\";"), IsEmpty());
  EXPECT_THAT(banned("operand(); static_assert(x); rethrow(); my_rand();"), IsEmpty());
  EXPECT_THAT(banned("int million = 1'000'000; throw 1; // '"), SizeIs(1));
  EXPECT_THAT(banned("char quote = '\"'; throw 1;"), SizeIs(1));
  EXPECT_THAT(banned("throw 1;", "tests/unit/x_test.cc"), IsEmpty());
}

TEST(TidyRulesTest, SizesAreCountedInLines) {
  const auto file_of = [](std::string path, int lines) {
    std::string text = "#pragma once\n";
    for (int i = 1; i < lines; ++i) text += "int x;\n";
    return make_source_file(std::move(path), std::move(text));
  };
  EXPECT_THAT(check_sizes(file_of("router/geo/x.h", 250)), IsEmpty());
  EXPECT_THAT(texts(check_sizes(file_of("router/geo/x.h", 251))),
              ElementsAre(HasSubstr("router/geo/x.h: has 251 lines, 250 are allowed")));
  EXPECT_THAT(check_sizes(file_of("router/geo/x.cc", 500)), IsEmpty());
  EXPECT_THAT(check_sizes(file_of("router/geo/x.cc", 501)), SizeIs(1));
  EXPECT_THAT(check_sizes(file_of("tests/unit/x_test.cc", 700)), IsEmpty());
  EXPECT_THAT(check_sizes(file_of("tests/unit/x_test.cc", 701)), SizeIs(1));
}

TEST(TidyRulesTest, FunctionsAreMeasuredFromSignatureToBrace) {
  const auto function_of = [](int lines) {
    std::string text =
        "namespace x {\n\nint before = 1;\n\n// What it does.\nint f(int a,\n      int b) {\n";
    for (int i = 3; i < lines; ++i) text += "  g();\n";
    return make_source_file("router/geo/x.cc", text + "}\n\n}  // namespace x\n");
  };
  EXPECT_THAT(check_sizes(function_of(70)), IsEmpty());
  EXPECT_THAT(texts(check_sizes(function_of(71))),
              ElementsAre(HasSubstr("router/geo/x.cc:6: the function has 71 lines")));
  std::string type = "class X {\n";
  for (int i = 0; i < 100; ++i) type += "  int x;\n";
  EXPECT_THAT(check_sizes(make_source_file("router/geo/x.h", type + "};\n")), IsEmpty());
}

TEST(TidyRulesTest, ColumnsAreCharactersNotBytes) {
  const auto line_of = [](std::string line) {
    return check_columns(make_source_file("router/geo/x.cc", line + "\n"));
  };
  EXPECT_THAT(line_of(std::string(100, 'x')), IsEmpty());
  EXPECT_THAT(line_of(std::string(101, 'x')), SizeIs(1));
  EXPECT_THAT(line_of("//" + std::string(97, 'x') + "ä"), IsEmpty());
}

TEST(TidyRulesTest, WhitespaceEndsNoLineAndOneLineEndEndsTheFile) {
  const auto text_of = [](std::string text) {
    return texts(check_whitespace(make_source_file("docs/x.md", std::move(text))));
  };
  EXPECT_THAT(text_of("a\nb\n"), IsEmpty());
  EXPECT_THAT(text_of("a \nb\n"), ElementsAre("docs/x.md:1: space at the end of the line"));
  EXPECT_THAT(text_of("a\r\nb\n"), ElementsAre("docs/x.md:1: ends in CR LF: use LF"));
  EXPECT_THAT(text_of("a\nb"), SizeIs(1));
  EXPECT_THAT(text_of("a\nb\n\n"), SizeIs(1));
  EXPECT_THAT(check_whitespace(make_source_file("router/geo/x.cc", "\tint x;\n")), SizeIs(1));
}

TEST(TidyRulesTest, NotesForLaterNameAnIssue) {
  const auto line_of = [](std::string line) {
    return check_todos(make_source_file("router/geo/x.cc", line + "\n"));
  };
  EXPECT_THAT(line_of("// TODO(#12): shed load"), IsEmpty());
  EXPECT_THAT(line_of("// TODO: shed load"), SizeIs(1));
  EXPECT_THAT(line_of("// TODO(me): shed load"), SizeIs(1));
  EXPECT_THAT(line_of("// FIXME shed load"), SizeIs(1));
}

TEST(TidyRulesTest, HeadersBeginWithTheGuardAndSayTheirIdea) {
  EXPECT_THAT(check_header(make_source_file("a/x.h", "#pragma once\n\n// A thing.\nint x;\n")),
              IsEmpty());
  EXPECT_THAT(check_header(make_source_file("a/x.h", "#pragma once\nint x;\n")), SizeIs(1));
  EXPECT_THAT(check_header(make_source_file("a/x.h", "// A thing.\n#pragma once\n")), SizeIs(1));
}

TEST(TidyRulesTest, FoldersOfOneMachineAreFound) {
  const auto line_of = [](std::string line, std::string_view checkout) {
    return check_machine_paths(make_source_file("docs/x.md", line + "\n"), checkout);
  };
  EXPECT_THAT(line_of("see /home/ann/isopop/docs", "/srv/isopop"), SizeIs(1));
  EXPECT_THAT(line_of("see /data/ann/notes.md", "/data/ann/isopop"), SizeIs(1));
  EXPECT_THAT(line_of("a file in /tmp/x", "/tmp/isopop"), IsEmpty());
  EXPECT_THAT(line_of("see /srv/isopop/docs", "/srv/isopop"), SizeIs(1));
  EXPECT_THAT(line_of("the URL is $base/home/x and a/root/b", "/srv/isopop"), IsEmpty());
}

TEST(TidyRulesTest, LinksGoToHostsOfTheList) {
  const auto line_of = [](std::string line) {
    return texts(check_urls(make_source_file("docs/x.md", line + "\n")));
  };
  EXPECT_THAT(line_of("https://registry.packages.io/x"),
              ElementsAre(HasSubstr("docs/x.md:1: links to registry.packages.io")));
  EXPECT_THAT(line_of("https://github.com/x/y http://127.0.0.1:80/ http://hello.example/"),
              IsEmpty());
  EXPECT_THAT(line_of("http://localhost:8080 http://{} https://<host>/"), IsEmpty());
}

TEST(TidyRulesTest, SourcesMustStandInACmakeList) {
  const auto tree_of = [](std::string list) {
    return std::vector<SourceFile>{make_source_file("a/b/CMakeLists.txt", std::move(list)),
                                   make_source_file("a/b/x.cc", "int x;\n"),
                                   make_source_file("a/b/c/y.cc", "int y;\n")};
  };
  EXPECT_THAT(check_cmake_lists(tree_of("isopop_library(b SOURCES x.cc c/y.cc)\n")), IsEmpty());
  EXPECT_THAT(texts(check_cmake_lists(tree_of("isopop_library(b SOURCES ax.cc c/y.cc)\n"))),
              ElementsAre("a/b/x.cc: is compiled by nobody: name it in a/b/CMakeLists.txt"));
}

TEST(TidyRulesTest, TopLevelFoldersHaveAReadme) {
  const std::vector<SourceFile> files = {
      make_source_file("a/README.md", "# a\n"), make_source_file("a/b/x.cc", "int x;\n"),
      make_source_file("c/b/README.md", "# b\n"), make_source_file(".ci/run", "x\n"),
      make_source_file("README.md", "# all\n")};
  EXPECT_THAT(texts(check_readmes(files)), ElementsAre(HasSubstr("c/README.md: is missing")));
}

TEST(TidyRulesTest, ComponentsHaveNoLooseFiles) {
  EXPECT_THAT(check_loose_files({make_source_file("router/main.cc", "")}), IsEmpty());
  EXPECT_THAT(check_loose_files({make_source_file("router/geo/x.cc", "")}), IsEmpty());
  EXPECT_THAT(check_loose_files({make_source_file("router/x.cc", "")}), SizeIs(1));
}

TEST(TidyRulesTest, ExceptionsCoverOnlyWhatTheyName) {
  const Finding finding{"banned-word", "common/http/x.cc", 7, "steady_clock::now: instead …"};
  EXPECT_TRUE(covers({"banned-word", "common/http/", "steady_clock", "why"}, finding));
  EXPECT_TRUE(covers({"banned-word", "common/http/x.cc", "", "why"}, finding));
  EXPECT_FALSE(covers({"banned-word", "common/http", "", "why"}, finding));
  EXPECT_FALSE(covers({"banned-word", "common/http/", "throw", "why"}, finding));
  EXPECT_FALSE(covers({"size", "common/http/", "", "why"}, finding));
}

TEST(TidyRulesTest, ReadsATreeWithoutItsBuild) {
  const TempFolder folder = std::move(TempFolder::create("tidy-test")).value();
  for (const char* sub : {"a", "build/a", ".git", ".ci"}) {
    ASSERT_TRUE(create_folders(folder.path() / sub).ok());
  }
  for (const char* name : {"a/x.cc", "build/a/x.cc", ".git/config", ".ci/run"}) {
    ASSERT_TRUE(write_file_atomically(folder.path() / name, "x\n").ok());
  }
  ASSERT_TRUE(write_file_atomically(folder.path() / "a/binary", std::string_view("a\0b", 3)).ok());
  const auto files = std::move(read_tree(folder.path())).value();
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_EQ(files[0].path, ".ci/run");
  EXPECT_EQ(files[1].path, "a/x.cc");
}

}  // namespace
}  // namespace isopop::tidy
