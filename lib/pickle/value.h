// The inert value tree that a pickle is read into. Nothing in it can be called; what Python would call or import is
// kept as a record of names and arguments.
//
// A Value is 16 bytes and cheap to copy. Scalars are held in place; everything with an inside is an index into its
// Tree. Containers are shared by reference, as in Python: a list reached twice is one list, and a cycle is a cycle, so
// whoever walks a tree keeps a set or a depth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/pickle/pool.h"

namespace pthview::pickle {

enum class Kind : uint8_t {
  kNone,
  kBool,
  kInt,     // fits int64
  kBigInt,  // little-endian two's complement bytes (LONG1/LONG4), or decimal digits when `flag` is set (LONG)
  kFloat,
  kString,  // text: UTF-8, possibly with surrogates encoded as ED A0..BF xx
  kBytes,   // bytes, and Python 2 str (flag set: BINSTRING / STRING opcodes)
  kByteArray,
  kTuple,
  kList,
  kDict,
  kSet,         // flag: frozenset
  kGlobal,      // module and name that Python would import
  kObject,      // the result of a call or construction that was not made: see Object
  kPersistent,  // a persistent id
  kExtension,   // EXT1/2/4: the code is in `integer`
  kBuffer,      // out-of-band buffer (NEXT_BUFFER), index in order; flag: read-only
};

struct Value {
  Kind kind = Kind::kNone;
  bool flag = false;
  uint32_t length = 0;  // bytes of `text`; 0 for other kinds
  union {
    int64_t integer = 0;
    double real;
    const char* text;  // kString, kBytes, kByteArray, kBigInt: a view that lives as long as the Tree
    uint32_t index;    // into the pool of the Tree for this kind
    bool boolean;
  };

  bool Is(Kind k) const { return kind == k; }
  bool IsText() const { return kind == Kind::kString || kind == Kind::kBytes || kind == Kind::kByteArray; }
  // kString, kBytes, kByteArray, kBigInt only.
  std::string_view Text() const { return {text, length}; }
};

// Names of more than 200 bytes are cut, and end in "...".
struct Global {
  std::string_view module;
  std::string_view name;
  uint64_t position = 0;  // byte of the opcode that named it
};

// What a REDUCE, NEWOBJ, NEWOBJ_EX, OBJ or INST would have built (OBJ and INST are calls, so kReduce). A checkpoint has
// two for each tensor, of which nothing more is ever said; what is said of others is reached through the Tree: StateOf,
// ItemsOf, DictItemsOf, KwargsOf, EarlierStatesOf.
struct Object {
  enum class Made : uint8_t { kReduce, kNew, kNewEx };
  Value callable;         // usually kGlobal
  Value args;             // a tuple (or whatever the pickle gave)
  uint64_t position = 0;  // byte of the opcode that made it
  uint32_t extra = 0;     // of the Tree; 0: nothing was added to it
  Made made = Made::kReduce;
};

// A key and its value. Not std::pair, which is not trivially copyable; the members are named as std::pair's are.
struct Pair {
  Value first;
  Value second;
};

// Owns everything that the Values of one pickle point to. Movable; Values stay valid.
class Tree {
 public:
  Value root;
  uint64_t end = 0;  // offset just past STOP

  std::span<const Value> Tuple(Value v) const;  // kTuple
  std::span<const Value> List(Value v) const;   // kList and kSet
  std::span<const Pair> Dict(Value v) const;    // kDict, in order of insertion; a repeated key stands twice
  const Global& GlobalOf(Value v) const { return globals_[v.index]; }
  const Object& ObjectOf(Value v) const { return objects_[v.index]; }
  Value PersistentId(Value v) const { return persistent_[v.index]; }

  // The argument of the object's last BUILD; null when there was none. Lives as long as the Tree.
  const Value* StateOf(const Object& object) const;
  // The same where it is a tuple or list; empty when there was none, or another kind.
  std::span<const Value> StateItemsOf(const Object& object) const;
  // What was added to an object after it was made (OrderedDict and the like); empty when nothing was.
  std::span<const Value> ItemsOf(const Object& object) const;
  std::span<const Pair> DictItemsOf(const Object& object) const;
  // The keyword arguments of NEWOBJ_EX (usually a dict); kNone for other objects.
  Value KwargsOf(const Object& object) const;
  // Where a pickle has several BUILDs for one object: the arguments of all but the last, oldest first. Python would
  // apply each in turn.
  std::span<const Value> EarlierStatesOf(const Object& object) const;

  // Tuple or list alike; empty for other kinds.
  std::span<const Value> Sequence(Value v) const;

  // All globals in the order they were first named; equal (module, name) pairs are one entry.
  std::span<const Global> globals() const { return globals_; }
  std::span<const Object> objects() const { return objects_; }
  // All persistent ids in the order they stand; PersistentId(v) is row v.index.
  std::span<const Value> persistent_ids() const { return persistent_; }

  // The identity of something shareable (list, dict, tuple, set, object, persistent id): equal numbers are the same
  // Python object. 0 for scalars.
  static uint64_t Identity(Value v);

 private:
  friend class Machine;

  // Part of a pool. Only the items of lists and dicts have room to grow.
  struct Slice {
    uint32_t first = 0;
    uint32_t count = 0;
    uint32_t capacity = 0;
  };
  struct TupleSlice {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  // What few objects have. Lists and dicts are numbers into lists_ and dicts_, plus 1; 0: none.
  struct Extra {
    Value state;
    Value kwargs;
    uint32_t items = 0;
    uint32_t dict_items = 0;
    uint32_t earlier_states = 0;
    bool has_state = false;
  };
  const Extra* ExtraOf(const Object& object) const { return object.extra == 0 ? nullptr : &extras_[object.extra - 1]; }

  std::span<const Value> ListAt(uint32_t index) const;
  std::span<const Pair> DictAt(uint32_t index) const;

  std::vector<std::byte> bytes_;  // the pickle itself: text is a view into it
  Arena arena_;                   // text that had to be decoded (STRING and UNICODE opcodes)
  Pool<Value> tuple_items_;
  Pool<TupleSlice> tuples_;
  Pool<Value> list_items_;
  Pool<Slice> lists_;  // lists and sets
  Pool<Pair> dict_items_;
  Pool<Slice> dicts_;
  Pool<Global> globals_;
  Pool<Object> objects_;
  Pool<Extra> extras_;
  Pool<Value> persistent_;
};

}  // namespace pthview::pickle
