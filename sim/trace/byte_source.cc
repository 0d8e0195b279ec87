#include "sim/trace/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>

namespace isopop::sim {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib: expect a gzip header

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1F\x8B");
}

Bytef* as_bytes(char* text) {
  return reinterpret_cast<Bytef*>(text);
}

}  // namespace

ByteSource::ByteSource(UniqueFd fd) : fd_(std::move(fd)) {}

ByteSource::~ByteSource() {
  if (inflater_) inflateEnd(inflater_.get());
}

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(path, errno);
  struct stat status{};
  if (fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return invalid_argument(path + ": is a folder, not a trace");
  }
  std::unique_ptr<ByteSource> source(new ByteSource(std::move(fd)));
  ISOPOP_TRY(source->refill());
  if (is_gzip({source->input_.data(), source->input_size_})) {
    source->inflater_ = std::make_unique<z_stream>();
    if (inflateInit2(source->inflater_.get(), kGzipOnly) != Z_OK) {
      return internal_error("zlib cannot be initialised");
    }
  }
  return source;
}

Result<void> ByteSource::refill() {
  input_begin_ = 0;
  input_size_ = 0;
  // Pipes give little at a time; format detection wants more than that.
  while (input_size_ < input_.size()) {
    const ssize_t got = ::read(fd_.get(), input_.data() + input_size_, input_.size() - input_size_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", errno);
    if (got == 0) break;
    input_size_ += static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> ByteSource::unpack() {
  z_stream& inflater = *inflater_;
  inflater.next_out = as_bytes(output_.data());
  inflater.avail_out = static_cast<uInt>(output_.size());
  while (inflater.avail_out > 0) {
    if (input_begin_ == input_size_) {
      ISOPOP_TRY(refill());
      if (input_size_ == 0) {
        const bool cut = !between_streams_;
        if (cut && inflater.avail_out == output_.size()) {
          return Error{ErrorCode::kDataLoss, "the gzip stream ends too soon: the file is cut off"};
        }
        break;
      }
    }
    inflater.next_in = as_bytes(input_.data() + input_begin_);
    inflater.avail_in = static_cast<uInt>(input_size_ - input_begin_);
    between_streams_ = false;
    const int status = inflate(&inflater, Z_NO_FLUSH);
    input_begin_ = input_size_ - inflater.avail_in;
    if (status == Z_STREAM_END) {
      between_streams_ = true;
      inflateReset(&inflater);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return Error{ErrorCode::kDataLoss,
                   std::string("the gzip stream is damaged") +
                       (inflater.msg != nullptr ? std::string(": ") + inflater.msg : "")};
    }
  }
  pending_ = {output_.data(), output_.size() - inflater.avail_out};
  return {};
}

Result<std::string_view> ByteSource::peek() {
  if (!pending_.empty()) return pending_;
  if (inflater_) {
    ISOPOP_TRY(unpack());
    return pending_;
  }
  if (input_begin_ == input_size_) ISOPOP_TRY(refill());
  pending_ = {input_.data() + input_begin_, input_size_ - input_begin_};
  input_begin_ = input_size_;
  return pending_;
}

Result<std::string_view> ByteSource::next() {
  ISOPOP_TRY_ASSIGN(const std::string_view bytes, peek());
  pending_ = {};
  return bytes;
}

ByteSourceStream::int_type ByteSourceStream::underflow() {
  const Result<std::string_view> piece = source_.next();
  if (!piece.ok()) {
    outcome_ = piece.error();
    return traits_type::eof();
  }
  if (piece.value().empty()) return traits_type::eof();
  // streambuf wants char*, though it never writes where nobody calls putback.
  char* begin = const_cast<char*>(piece.value().data());
  setg(begin, begin, begin + piece.value().size());
  return traits_type::to_int_type(*gptr());
}

}  // namespace isopop::sim
