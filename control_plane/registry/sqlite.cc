#include "control_plane/registry/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <system_error>
#include <utility>

namespace isopop::control {
namespace {

constexpr int kBusyTimeoutMs = 5'000;
// Below it, a disk that was full is so still.
constexpr std::uintmax_t kRoomBytesMin = 1ULL << 20U;

// Integer casts of C macros: SQLITE_TRANSIENT is ((sqlite3_destructor_type)-1).
sqlite3_destructor_type copied() {
  return reinterpret_cast<sqlite3_destructor_type>(static_cast<std::intptr_t>(-1));
}

ErrorCode code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kUnavailable;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kAlreadyExists;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return ErrorCode::kResourceExhausted;
    case SQLITE_CANTOPEN:
      return ErrorCode::kNotFound;
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return ErrorCode::kPermissionDenied;
    default:
      return ErrorCode::kInternal;
  }
}

Error database_error(sqlite3* handle, int result) {
  return Error{code_of(result), fmt::format("database: {}", sqlite3_errmsg(handle))};
}

Error full_error() {
  return Error{ErrorCode::kResourceExhausted,
               "the disk of the control plane's database is full: nothing can be changed until "
               "there is room again"};
}
Error write_error(std::string_view why) {
  return Error{ErrorCode::kFailedPrecondition,
               fmt::format("the disk of the control plane's database does not take writes ({}): "
                           "nothing can be changed until it does",
                           why)};
}
Error read_only_error(const std::string& fault) {
  return Error{ErrorCode::kFailedPrecondition, fault};
}

// Reads every page once. Milliseconds for what a control plane holds.
Result<void> check_integrity(Database& database) {
  ISOPOP_TRY_ASSIGN(Statement check, database.prepare("PRAGMA quick_check(1)"));
  ISOPOP_TRY_ASSIGN(const bool row, check.step());
  if (row && check.text(0) == "ok") return {};
  return Error{ErrorCode::kDataLoss, row ? check.text(0) : "quick_check gave no answer"};
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      stepped_(other.stepped_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  std::swap(stepped_, other.stepped_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::rewind() {
  if (!stepped_) return;
  sqlite3_reset(statement_);
  stepped_ = false;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  rewind();
  const int result =
      sqlite3_bind_text64(statement_, parameter, text.data(), text.size(), copied(), SQLITE_UTF8);
  ISOPOP_ASSERT(result == SQLITE_OK, "a parameter that the statement has");
  return *this;
}

Statement& Statement::bind(int parameter, std::int64_t number) {
  rewind();
  const int result = sqlite3_bind_int64(statement_, parameter, number);
  ISOPOP_ASSERT(result == SQLITE_OK, "a parameter that the statement has");
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  rewind();
  const int result =
      sqlite3_bind_blob64(statement_, parameter, bytes.data(), bytes.size(), copied());
  ISOPOP_ASSERT(result == SQLITE_OK, "a parameter that the statement has");
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  rewind();
  const int result = sqlite3_bind_null(statement_, parameter);
  ISOPOP_ASSERT(result == SQLITE_OK, "a parameter that the statement has");
  return *this;
}

Result<bool> Statement::step() {
  stepped_ = true;
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  const Error error = database_->failure(result);
  rewind();
  return error;
}

Result<void> Statement::run() {
  ISOPOP_TRY_ASSIGN(const bool row, step());
  ISOPOP_ASSERT(!row, "a statement that returns no rows");
  rewind();
  return {};
}

std::string Statement::text(int column) const {
  // Blobs and text alike: the bytes, NUL included.
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path) {
  sqlite3* handle = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  // Even a failed open gives a handle, which must be closed.
  std::unique_ptr<Database> database(new Database(handle));
  if (result != SQLITE_OK) return database_error(handle, result).with_context(path.string());
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  Result<void> ready = database->execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
      "PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 16777216;");
  if (ready.ok()) ready = check_integrity(*database);
  if (ready.ok()) return database;
  if (ready.error().code == ErrorCode::kDataLoss) {
    return Error{ErrorCode::kDataLoss,
                 fmt::format("{} is damaged ({}); put a backup in its place with `isopop-control "
                             "--state {} --restore FILE`, or move it away (with its -wal and -shm "
                             "files) to begin with an empty one",
                             path.string(), ready.error().message, path.parent_path().string())};
  }
  return ready.error().with_context(path.string());
}

Result<std::unique_ptr<Database>> Database::open_read_only(const std::filesystem::path& path,
                                                           std::string why) {
  sqlite3* handle = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (result != SQLITE_OK) return database_error(handle, result).with_context(path.string());
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  ISOPOP_TRY(database->execute("PRAGMA trusted_schema = OFF").with_context(path.string()));
  database->fault_ = std::move(why);
  database->is_read_only_ = true;
  return database;
}

Error Database::failure(int result) {
  Error error = database_error(handle_, result);
  if (is_read_only_) return error;
  switch (result & 0xff) {
    case SQLITE_FULL:
      fault_ = full_error().message;
      return full_error();
    case SQLITE_IOERR:
    case SQLITE_READONLY: {
      Error refused = write_error(sqlite3_errmsg(handle_));
      fault_ = refused.message;
      return refused;
    }
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      fault_ = fmt::format(
          "the control plane's database is damaged ({}): nothing can be changed; "
          "stop isopop-control and start it with --restore FILE once",
          sqlite3_errmsg(handle_));
      is_read_only_ = true;
      return error;
    default:
      return error;
  }
}

void Database::committed() {
  if (!is_read_only_) fault_.clear();
}

Result<void> Database::probe() {
  // A log that was larger once takes some writes without room for more.
  std::error_code error;
  const std::filesystem::space_info space =
      std::filesystem::space(sqlite3_db_filename(handle_, "main"), error);
  if (!error && space.available < kRoomBytesMin) return full_error();
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(*this));
  std::int64_t version = 0;
  {
    ISOPOP_TRY_ASSIGN(Statement statement, prepare("PRAGMA user_version"));
    ISOPOP_TRY_ASSIGN(const bool row, statement.step());
    if (row) version = statement.number(0);
  }
  // Written even though it is the same.
  ISOPOP_TRY(execute(fmt::format("PRAGMA user_version = {}", version)));
  return transaction.commit();
}

Database::~Database() {
  const int result = sqlite3_close(handle_);
  ISOPOP_ASSERT(result == SQLITE_OK, "statements to be gone before their database");
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return failure(result);
  return Statement(*this, statement);
}

Result<void> Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return failure(result);
  return {};
}

Result<Transaction> Transaction::begin(Database& database) {
  if (database.is_read_only_) return read_only_error(database.fault_);
  ISOPOP_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  database_->execute("ROLLBACK").ignore("SQLite rolls back by itself when it is closed");
}

Result<void> Transaction::commit() {
  ISOPOP_TRY(database_->execute("COMMIT"));
  database_->committed();
  database_ = nullptr;
  return {};
}

}  // namespace isopop::control
