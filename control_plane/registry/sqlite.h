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

class Database;

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
  Statement(Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}
  void rewind();

  Database* database_;
  sqlite3_stmt* statement_ = nullptr;
  bool stepped_ = false;
};

class Database final {
 public:
  // Creates the file if there is none. WAL, synchronous=FULL: what was committed survives a kill
  // and a power cut. DATA_LOSS when the file is no database or is damaged.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path);
  // Neither creates nor changes it, nor looks whether it is whole. `why` is what fault() says.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open_read_only(
      const std::filesystem::path& path, std::string why);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Database(Database&&) = delete;
  Database& operator=(Database&&) = delete;

  // The text is ours: one that does not compile against the schema is reported as INTERNAL.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters and rows.
  [[nodiscard]] Result<void> execute(const std::string& sql);

  // Why nothing can be changed now, for people: the disk is full, it does not take writes, the
  // database is damaged. Empty when it can. The first two are tried again with every change and end
  // with one that was committed; the last one stays.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  // Writes and commits something that changes nothing, so that fault() is up to date.
  [[nodiscard]] Result<void> probe();

 private:
  friend class Statement;
  friend class Transaction;
  explicit Database(sqlite3* handle) : handle_(handle) {}
  // The error of a call that gave `result`, which may be a fault of the whole database.
  [[nodiscard]] Error failure(int result);
  void committed();

  sqlite3* handle_;
  std::string fault_;
  bool is_read_only_ = false;
};

// Rolled back by the destructor unless committed.
class Transaction final {
 public:
  // FAILED_PRECONDITION, with fault(), when the database cannot be changed.
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
