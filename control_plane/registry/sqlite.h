#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace isopop::control {

// SQLite with owners and Results: the only code that sees its C interface. Not thread-safe: a
// database and its statements belong to one thread.

// One prepared statement. Bind, step until false, read columns of the present row in between; reset
// happens by itself when the next binding begins.
class Statement final {
 public:
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters count from 1. What is bound is copied.
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::int64_t number);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);

  // True: a row is there; false: done.
  [[nodiscard]] Result<bool> step();
  // For statements that return no rows.
  [[nodiscard]] Result<void> run();

  // Columns count from 0.
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void rewind();

  sqlite3_stmt* statement_ = nullptr;
  bool stepped_ = false;
};

class Database final {
 public:
  // Creates the file if there is none. WAL, synchronous=FULL: what was committed survives a kill
  // and a power cut. DATA_LOSS when the file is no database or is damaged.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Database(Database&&) = delete;
  Database& operator=(Database&&) = delete;

  // The text is ours: one that does not compile against the schema is reported as INTERNAL.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters and rows.
  [[nodiscard]] Result<void> execute(const std::string& sql);

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}

  sqlite3* handle_;
};

// Rolled back by the destructor unless committed.
class Transaction final {
 public:
  [[nodiscard]] static Result<Transaction> begin(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;

  [[nodiscard]] Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace isopop::control
