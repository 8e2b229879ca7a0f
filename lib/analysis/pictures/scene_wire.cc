// A scene between two programs of ours: numbers as this machine has them, one shape after the other.
//
//   "PICT" | width f64 | height f64 | shapes u64 | shape...
//   shape: kind u8 | red green blue u8 | anchor u8 | flags u8 (1 bold, 2 upward) | opacity f64 | size f64
//          | points u64 | x y f64 each | bytes of text u64 | text | width i64 | height i64 of the image | 3 u8 a pixel
#include <cstring>

#include "lib/analysis/pictures/scene.h"
#include "lib/base/checked.h"

namespace pthview::pictures {
namespace {

constexpr std::string_view kMagic = "PICT";

template <typename T>
void Append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  bool failed() const { return failed_; }
  bool done() const { return rest_.empty(); }

  std::string_view Bytes(uint64_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  template <typename T>
  T Number() {
    T value{};
    std::string_view bytes = Bytes(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  // A number of things of `size` bytes each, which are there.
  uint64_t Count(uint64_t size) {
    const auto count = Number<uint64_t>();
    if (count > rest_.size() / size) {
      failed_ = true;
      return 0;
    }
    return count;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

Shape ReadShape(Reader& in) {
  Shape shape;
  const auto kind = in.Number<uint8_t>();
  shape.kind = static_cast<ShapeKind>(std::min<uint8_t>(kind, static_cast<uint8_t>(ShapeKind::kImage)));
  shape.color.red = in.Number<uint8_t>();
  shape.color.green = in.Number<uint8_t>();
  shape.color.blue = in.Number<uint8_t>();
  shape.anchor = static_cast<Anchor>(std::min<uint8_t>(in.Number<uint8_t>(), 2));
  const auto flags = in.Number<uint8_t>();
  shape.bold = (flags & 1) != 0;
  shape.upward = (flags & 2) != 0;
  shape.opacity = in.Number<double>();
  shape.size = in.Number<double>();
  shape.points.resize(in.Count(sizeof(Point)));
  for (Point& point : shape.points) {
    point.x = in.Number<double>();
    point.y = in.Number<double>();
  }
  shape.text = in.Bytes(in.Number<uint64_t>());
  const auto width = in.Number<int64_t>();
  const auto height = in.Number<int64_t>();
  const auto product = CheckedMul(width, height);
  const int64_t pixels = width < 0 || height < 0 || !product || *product > INT64_MAX / 3 ? INT64_MAX / 3 : *product;
  std::string_view colors = in.Bytes(static_cast<uint64_t>(pixels) * 3);
  if (in.failed() || pixels == 0) return shape;
  shape.image.width = width;
  shape.image.height = height;
  shape.image.pixels.resize(static_cast<size_t>(pixels));
  if (!colors.empty()) std::memcpy(shape.image.pixels.data(), colors.data(), colors.size());
  return shape;
}

}  // namespace

static_assert(sizeof(Color) == 3 && sizeof(Point) == 16);

std::string PackScene(const Scene& scene) {
  std::string out(kMagic);
  Append(out, scene.width);
  Append(out, scene.height);
  Append(out, uint64_t{scene.shapes.size()});
  for (const Shape& shape : scene.shapes) {
    Append(out, static_cast<uint8_t>(shape.kind));
    Append(out, shape.color);
    Append(out, static_cast<uint8_t>(shape.anchor));
    Append(out, static_cast<uint8_t>((shape.bold ? 1 : 0) | (shape.upward ? 2 : 0)));
    Append(out, shape.opacity);
    Append(out, shape.size);
    Append(out, uint64_t{shape.points.size()});
    for (const Point& point : shape.points) Append(out, point);
    Append(out, uint64_t{shape.text.size()});
    out += shape.text;
    Append(out, shape.image.width);
    Append(out, shape.image.height);
    out.append(reinterpret_cast<const char*>(shape.image.pixels.data()), shape.image.pixels.size() * sizeof(Color));
  }
  return out;
}

Result<Scene> UnpackScene(std::string_view packed) {
  Reader in(packed);
  Scene scene;
  const bool known = in.Bytes(kMagic.size()) == kMagic;
  scene.width = in.Number<double>();
  scene.height = in.Number<double>();
  const uint64_t count = in.Count(1);
  for (uint64_t i = 0; i < count && !in.failed(); ++i) scene.shapes.push_back(ReadShape(in));
  for (const Shape& shape : scene.shapes) {
    const bool box = shape.kind == ShapeKind::kRectangle || shape.kind == ShapeKind::kImage;
    if (shape.points.size() < (box ? 2U : 1U)) return Error{.code = ErrorCode::kCorrupt, .message = "no scene"};
  }
  if (!known || in.failed() || !in.done()) return Error{.code = ErrorCode::kCorrupt, .message = "no scene"};
  return scene;
}

}  // namespace pthview::pictures
