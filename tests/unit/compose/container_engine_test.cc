#include "sim/compose/container_engine.h"

#include <gmock/gmock.h>

#include "sim/compose/compose_launcher.h"
#include "sim/compose/compose_status.h"

namespace isopop::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ContainerEngine, ListsContainersByService) {
  const std::vector<Container> containers = parse_containers(
      "cc\tp_router_1\trouter\trunning\tUp 3 seconds\n"
      "aa\tp_control_1\tcontrol\texited\tExited (1) 5 seconds ago\n");
  ASSERT_THAT(containers, SizeIs(2));
  EXPECT_EQ(containers[0].service, "control");
  EXPECT_FALSE(containers[0].is_running());
  EXPECT_EQ(containers[0].status, "Exited (1) 5 seconds ago");
  EXPECT_EQ(containers[1].id, "cc");
  EXPECT_EQ(containers[1].name, "p_router_1");
  EXPECT_TRUE(containers[1].is_running());
}

TEST(ContainerEngine, LeavesOutLinesOfAnotherForm) {
  EXPECT_THAT(parse_containers(""), IsEmpty());
  EXPECT_THAT(parse_containers("\n\t\n a\tb\n a\tb\tc\td\te\tf\n\xff"), IsEmpty());
}

TEST(ContainerEngine, SaysWhatAnErrorMeansAndWhatToDo) {
  const auto explained = [](const std::string& printed) {
    return explain_engine_error("compose up", printed);
  };
  const Error down = explained("Cannot connect to the Docker daemon at unix:///x.sock.");
  EXPECT_EQ(down.code, ErrorCode::kUnavailable);
  EXPECT_THAT(down.message, HasSubstr("isopop doctor"));
  EXPECT_EQ(explained("write /x: no space left on device").code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(explained("Bind for 0.0.0.0:8080 failed: port is already allocated").message,
              HasSubstr("--port"));
  EXPECT_EQ(explained("Got permission denied while trying to connect to the Docker daemon").code,
            ErrorCode::kPermissionDenied);
  const Error other = explained("one\ntwo\nthree\nfour\nfive\nsix\nseven\n\n");
  EXPECT_THAT(other.message, HasSubstr("seven"));
  EXPECT_THAT(other.message, Not(HasSubstr("one"))) << "the last lines are enough";
}

TEST(ComposeProject, IsNamedAfterItsFolderAlone) {
  const std::string name = compose_project_name(StateFolder::at("/somewhere/a").value());
  EXPECT_EQ(name, compose_project_name(StateFolder::at("/somewhere/b/../a").value()));
  EXPECT_NE(name, compose_project_name(StateFolder::at("/somewhere/b").value()));
  EXPECT_THAT(name, ::testing::MatchesRegex("isopop-[0-9a-f]{8}"));
}

}  // namespace
}  // namespace isopop::sim
