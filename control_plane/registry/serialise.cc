#include "control_plane/registry/serialise.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace isopop::control {

std::string serialise_deterministically(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    // SerializeWithCachedSizes wants the sizes of this very call.
    static_cast<void>(message.ByteSizeLong());
    message.SerializeWithCachedSizes(&coded);
  }
  return bytes;
}

}  // namespace isopop::control
