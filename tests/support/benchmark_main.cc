// The main of every benchmark on Google Benchmark: all its flags, and --json as our other
// benchmarks take it.
#include <benchmark/benchmark.h>

#include <string_view>
#include <vector>

int main(int argc, char** argv) {
  char json_format[] = "--benchmark_format=json";
  std::vector<char*> arguments(argv, argv + argc);
  for (char*& argument : arguments) {
    if (std::string_view(argument) == "--json") argument = json_format;
  }
  int count = argc;
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
