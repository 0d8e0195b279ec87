#include "common/protobuf/deterministic.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "common/result/assert.h"

namespace isopop {

std::string serialise_deterministically(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    ISOPOP_ASSERT(message.SerializeToCodedStream(&coded), "room for a message in a string");
  }
  return bytes;
}

}  // namespace isopop
