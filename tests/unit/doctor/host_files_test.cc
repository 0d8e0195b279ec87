#include "sim/doctor/host_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/files/files.h"
#include "common/random/random.h"
#include "sim/doctor/control_group.h"
#include "sim/doctor/rules.h"

namespace isopop::sim::doctor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A tree of files as a kernel shows them.
class HostFiles : public testing::Test {
 protected:
  void SetUp() override {
    Result<TempFolder> folder = TempFolder::create("host-files");
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    folder_.emplace(std::move(folder).value());
  }

  [[nodiscard]] const std::filesystem::path& root() const { return folder_->path(); }

  void put(const std::string& path, std::string_view content) const {
    const std::filesystem::path file = root() / path;
    ASSERT_TRUE(create_folders(file.parent_path()).ok());
    ASSERT_TRUE(write_file_atomically(file, content, Durability::kProcessCrash).ok());
  }

 private:
  std::optional<TempFolder> folder_;
};

constexpr std::string_view kLimits =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max processes             1000                 96365                processes \n"
    "Max open files            1024                 524288               files     \n"
    "Max pending signals       96365                unlimited            signals   \n";

constexpr std::string_view kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   2: 0100007F:9C4C 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0\n";
constexpr std::string_view kTcp6 =
    "  sl  local_address                         remote_address                        st\n"
    "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A\n";

TEST_F(HostFiles, AreReadAsTheKernelWritesThem) {
  put("proc/meminfo", "MemTotal:       24684092 kB\nMemFree:  1 kB\nMemAvailable:   23743724 kB\n");
  put("proc/loadavg", "0.33 2.48 4.00 2/154 23576\n");
  put("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
  put("proc/sys/kernel/pid_max", "32768\n");
  put("proc/sys/kernel/threads-max", "192730\n");
  put("proc/sys/fs/file-nr", "563\t0\t2466177\n");
  put("proc/sys/fs/nr_open", "1048576\n");
  put("proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");
  put("proc/net/stat/arp_cache", "entries  allocs   destroys\n0000001b 00000002 00000001\n");
  put("proc/sys/fs/inotify/max_user_instances", "128\n");
  put("proc/sys/fs/inotify/max_user_watches", "192536\n");
  put("proc/sys/net/core/somaxconn", "4096\n");
  put("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
  put("proc/sys/vm/overcommit_memory", "0\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  put("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  put("proc/net/tcp", kTcp);
  put("proc/net/tcp6", kTcp6);
  put("proc/sys/kernel/unprivileged_userns_clone", "1\n");
  put("run/systemd/system/x", "");

  const HostFacts facts = read_host_files(root());
  EXPECT_EQ(facts.memory_total_bytes, 24'684'092ULL * 1024);
  EXPECT_EQ(facts.memory_available_bytes, 23'743'724ULL * 1024);
  EXPECT_EQ(facts.tasks_now, 154U);
  EXPECT_EQ(facts.kernel, "6.1.0-18-amd64");
  EXPECT_EQ(facts.pid_max, 32'768U);
  EXPECT_EQ(facts.threads_max, 192'730U);
  EXPECT_EQ(facts.file_max, 2'466'177U);
  EXPECT_EQ(facts.files_now, 563U);
  EXPECT_EQ(facts.nr_open, 1'048'576U);
  EXPECT_EQ(facts.neighbours_max, 1'024U);
  EXPECT_EQ(facts.neighbours_now, 27U);
  EXPECT_EQ(facts.inotify_instances, 128U);
  EXPECT_EQ(facts.inotify_watches, 192'536U);
  EXPECT_EQ(facts.somaxconn, 4'096U);
  EXPECT_EQ(facts.ephemeral_ports, 28'232U);
  EXPECT_EQ(facts.overcommit_mode, 0U);
  EXPECT_EQ(facts.huge_pages, "madvise");
  EXPECT_EQ(facts.cgroup_version, "2");
  EXPECT_THAT(*facts.ports_taken, ElementsAre(22, 80, 8080));
  EXPECT_EQ(facts.user_namespaces_for_all, 1U);
  EXPECT_EQ(facts.user_namespaces_by_apparmor, std::nullopt);
  EXPECT_TRUE(facts.has_systemd);
}

TEST_F(HostFiles, ThatAreMissingTellNothing) {
  const HostFacts facts = read_host_files(root());
  EXPECT_EQ(facts.memory_available_bytes, std::nullopt);
  EXPECT_EQ(facts.tasks_now, std::nullopt);
  EXPECT_EQ(facts.ports_taken, std::nullopt);
  EXPECT_EQ(facts.huge_pages, std::nullopt);
  EXPECT_EQ(facts.kernel, "unknown");
  EXPECT_EQ(facts.cgroup_version, "");
  EXPECT_FALSE(facts.has_systemd);
  const ProcessLimits limits = read_process_limits(root(), "self");
  EXPECT_EQ(limits.open_files_hard, std::nullopt);
  EXPECT_EQ(limits.cgroup_tasks_left, std::nullopt);
  EXPECT_EQ(count_tasks_of_user(root(), getuid()), std::nullopt);
  EXPECT_EQ(find_process(root(), "dockerd"), std::nullopt);
}

TEST_F(HostFiles, OfAProcessGiveItsHardLimits) {
  put("proc/77/limits", kLimits);
  const ProcessLimits limits = read_process_limits(root(), "77");
  EXPECT_EQ(limits.open_files_hard, 524'288U);
  EXPECT_EQ(limits.tasks_of_user, 96'365U);
  EXPECT_EQ(parse_hard_limit(kLimits, "Max pending signals"), kUnlimited);
  EXPECT_EQ(parse_hard_limit(kLimits, "Max locks"), std::nullopt);
}

TEST_F(HostFiles, GiveTheTasksOfAUser) {
  put("proc/1/status", "Name:\tinit\nThreads:\t1\n");
  put("proc/20/status", "Name:\tserver\nThreads:\t41\n");
  put("proc/irq/status", "Threads:\t1000\n");
  put("proc/30/status", "Threads: many\n");
  EXPECT_EQ(count_tasks_of_user(root(), getuid()), 42U);
  EXPECT_EQ(count_tasks_of_user(root(), getuid() + 1), 0U);
}

TEST_F(HostFiles, GiveThePublishedPortOfTheNetworkThatRuns) {
  EXPECT_EQ(read_own_port(root()), std::nullopt);
  put("router.endpoint", "127.0.0.1:8080\n");
  EXPECT_EQ(read_own_port(root()), 8080);
  for (const char* other : {"127.20.0.2:8080\n", "127.0.0.1:\n", "127.0.0.1:65536", "8080", ""}) {
    put("router.endpoint", other);
    EXPECT_EQ(read_own_port(root()), std::nullopt) << other;
  }
}

TEST_F(HostFiles, FindAProcessByItsWholeName) {
  put("proc/5/comm", "dockerd-other\n");
  put("proc/61/comm", "dockerd\n");
  EXPECT_EQ(find_process(root(), "dockerd"), "61");
  EXPECT_EQ(find_process(root(), "docker"), std::nullopt);
}

TEST_F(HostFiles, GiveTheLeastThatAGroupAndThoseAboveLeave) {
  put("sys/fs/cgroup/cgroup.procs", "");
  put("sys/fs/cgroup/user.slice/pids.max", "1000\n");
  put("sys/fs/cgroup/user.slice/pids.current", "900\n");
  put("sys/fs/cgroup/user.slice/shell/pids.max", "max\n");
  put("sys/fs/cgroup/user.slice/shell/pids.current", "7\n");
  put("sys/fs/cgroup/user.slice/shell/memory.max", "5000\n");
  put("sys/fs/cgroup/user.slice/shell/memory.current", "4000\n");
  put("sys/fs/cgroup/user.slice/shell/memory.stat", "anon 1\ninactive_file 1500\nactive_file 9\n");
  EXPECT_EQ(tasks_left_in_group(root(), "0::/user.slice/shell\n"), 100U);
  EXPECT_EQ(memory_left_in_group(root(), "0::/user.slice/shell\n"), 2'500U);
  EXPECT_EQ(memory_left_in_group(root(), "0::/user.slice\n"), kUnlimited);
  EXPECT_EQ(tasks_left_in_group(root(), "0::/\n"), kUnlimited);
}

TEST_F(HostFiles, GiveWhatTheFirstControlGroupsLeave) {
  put("sys/fs/cgroup/pids/cgroup.procs", "");
  put("sys/fs/cgroup/pids/a/pids.max", "50\n");
  put("sys/fs/cgroup/pids/a/pids.current", "60\n");
  put("sys/fs/cgroup/memory/cgroup.procs", "");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
  constexpr std::string_view kGroups = "9:name=systemd:/\n8:pids:/a/b\n4:cpu,memory:/\n0::/\n";
  // The path below the mount is not there, as in a container: what is mounted is its own group.
  EXPECT_EQ(tasks_left_in_group(root(), kGroups), kUnlimited);
  EXPECT_EQ(tasks_left_in_group(root(), "8:pids:/a\n"), 0U);
  EXPECT_EQ(memory_left_in_group(root(), "4:memory:/\n"), kUnlimited);
  EXPECT_EQ(read_host_files(root()).cgroup_version, "1");
}

TEST_F(HostFiles, OfAGroupAreNotSoughtOutsideItsHierarchy) {
  put("sys/fs/cgroup/cgroup.procs", "");
  put("sys/fs/secret/pids.max", "1\n");
  put("sys/fs/secret/pids.current", "0\n");
  EXPECT_EQ(tasks_left_in_group(root(), "0::/../secret\n"), kUnlimited);
}

TEST_F(HostFiles, OfAGroupThatContradictThemselvesTellNothing) {
  put("sys/fs/cgroup/cgroup.procs", "");
  put("sys/fs/cgroup/a/pids.max", "10\n");  // how many there are is not told
  EXPECT_EQ(tasks_left_in_group(root(), "0::/a\n"), std::nullopt);
  EXPECT_EQ(tasks_left_in_group(root(), ""), std::nullopt);
  EXPECT_EQ(tasks_left_in_group(root(), "no colons\n1:only\n"), std::nullopt);
}

TEST(ParseMeminfo, TakesWholeKilobytesOnly) {
  EXPECT_EQ(parse_meminfo("MemAvailable: 1 kB", "MemAvailable"), 1'024U);
  for (const char* text :
       {"", "MemAvailable: kB", "MemAvailable: 1", "MemAvailable: 1 MB", "MemAvailable: -1 kB",
        "MemAvailable 1 kB", "XMemAvailable: 1 kB", "MemAvailable: 18446744073709551615 kB"}) {
    EXPECT_EQ(parse_meminfo(text, "MemAvailable"), std::nullopt) << text;
  }
}

TEST(ParseListeningPorts, TakesWhatItUnderstands) {
  EXPECT_THAT(parse_listening_ports("0: 0:1F90 0:0 0A\n1: 0:1F90 0:0 06\n"), ElementsAre(8080));
  for (const char* text : {"", "0: nothing 0:0 0A", "0: 0:XYZ 0:0 0A", "0: 0: 0:0 0A",
                           "0: 0:1FFFF 0:0 0A", "0A 0A 0A 0A", "0: 0:1F90 0:0"}) {
    EXPECT_THAT(parse_listening_ports(text), IsEmpty()) << text;
  }
}

TEST(ParseChoice, WantsBrackets) {
  EXPECT_EQ(parse_choice("[always] madvise"), "always");
  for (const char* text : {"", "always", "[", "]", "[]", "] x ["}) {
    EXPECT_EQ(parse_choice(text), std::nullopt) << text;
  }
}

// Whatever stands in the files: no crash, and every finding is still made.
TEST_F(HostFiles, MayHoldAnything) {
  RandomStream random(7, "garbage");
  constexpr std::string_view kAlphabet = "0123456789 \n\t:/-[]AFkB.maxunlimited\xff";
  const auto garbage = [&random, kAlphabet] {
    std::string text(random.below(200), ' ');
    for (char& c : text) c = kAlphabet[random.below(kAlphabet.size())];
    return text;
  };
  const std::vector<std::string> files = {"proc/meminfo",
                                          "proc/loadavg",
                                          "proc/sys/kernel/pid_max",
                                          "proc/sys/fs/file-nr",
                                          "proc/net/stat/arp_cache",
                                          "proc/sys/net/ipv4/ip_local_port_range",
                                          "proc/net/tcp",
                                          "proc/net/tcp6",
                                          "sys/kernel/mm/transparent_hugepage/enabled",
                                          "proc/self/limits",
                                          "proc/self/cgroup",
                                          "proc/12/status",
                                          "proc/12/comm",
                                          "sys/fs/cgroup/pids.max",
                                          "sys/fs/cgroup/memory.stat",
                                          "proc/sys/net/ipv4/neigh/default/gc_thresh3"};
  const std::size_t expected = judge({}, {}).size();
  for (int round = 0; round < 50; ++round) {
    for (const std::string& file : files) put(file, garbage());
    HostFacts facts = read_host_files(root());
    facts.limits = read_process_limits(root(), "self");
    facts.tasks_of_user_now = count_tasks_of_user(root(), getuid());
    EXPECT_EQ(judge(facts, {}).size(), expected);
  }
}

}  // namespace
}  // namespace isopop::sim::doctor
