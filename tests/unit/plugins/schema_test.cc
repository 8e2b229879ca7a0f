// The table of schema.cc says what protocol.proto says.
#include "plugins/host/schema.h"

#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pthview::plugins {
namespace {

struct ProtoField {
  std::string type;
  int number = 0;
  bool repeated = false;
};
struct ProtoFile {
  std::map<std::string, std::map<std::string, ProtoField>> messages;
  std::map<std::string, std::vector<std::string>> enums;  // by "Message.Enum"
};

ProtoFile ReadProto() {
  std::ifstream in(PTHVIEW_PROTOCOL_PROTO);
  ProtoFile file;
  const std::regex opens(R"(^\s*(message|enum|oneof) (\w+) \{(\})?.*)");
  const std::regex field(R"(^\s*(repeated |optional )?(\w+) (\w+) = (\d+);.*)");
  const std::regex enumerator(R"(^\s*([A-Z]+) = (\d+);.*)");
  std::vector<std::pair<std::string, std::string>> open;  // kind, name
  std::string message;
  std::smatch found;
  for (std::string line; std::getline(in, line);) {
    if (std::regex_match(line, found, opens)) {
      if (found[1] == "message") file.messages[message = found[2]];
      if (!found[3].matched) open.emplace_back(found[1], found[2]);
    } else if (std::regex_match(line, found, field)) {
      file.messages[message][found[3]] = {found[2], std::stoi(found[4]), found[1] == "repeated "};
    } else if (std::regex_match(line, found, enumerator)) {
      auto& names = file.enums[message + "." + open.back().second];
      EXPECT_EQ(names.size(), std::stoul(found[2])) << line;
      names.push_back(found[1]);
    } else if (line.find('}') != std::string::npos && !open.empty()) {
      open.pop_back();
    }
  }
  return file;
}

TEST(Schema, IsThatOfTheProtoFile) {
  const std::map<FieldType, std::string> scalars = {{FieldType::kString, "string"}, {FieldType::kBool, "bool"},
                                                    {FieldType::kUint32, "uint32"}, {FieldType::kUint64, "uint64"},
                                                    {FieldType::kInt64, "int64"},   {FieldType::kDouble, "double"}};
  ProtoFile file = ReadProto();
  ASSERT_GT(file.messages["Tensor"].size(), 8U);
  for (const MessageType* message : AllMessageTypes()) {
    SCOPED_TRACE(message->name);
    auto& fields = file.messages[std::string(message->name)];
    EXPECT_EQ(fields.size(), message->fields.size());
    for (const FieldRow& row : message->fields) {
      SCOPED_TRACE(row.name);
      const ProtoField& field = fields[std::string(row.name)];
      EXPECT_EQ(field.number, row.number);
      EXPECT_EQ(field.repeated, row.repeated);
      if (row.type == FieldType::kMessage) {
        ASSERT_NE(row.message, nullptr);
        EXPECT_EQ(field.type, row.message->name);
      } else if (row.type == FieldType::kEnum) {
        auto& names = file.enums[std::string(message->name) + "." + field.type];
        EXPECT_TRUE(std::equal(names.begin(), names.end(), row.enumerators.begin(), row.enumerators.end()));
      } else {
        EXPECT_EQ(field.type, scalars.at(row.type));
      }
    }
  }
}

TEST(Schema, FindsBothSpellings) {
  EXPECT_EQ(kMessageType.Find("failure")->name, "failure");
  const MessageType* tensor = kMessageType.Find("model")->message->Find("tensors")->message;
  EXPECT_NE(tensor->Find("storage_offset"), nullptr);
  EXPECT_EQ(tensor->Find("storage_offset"), tensor->Find("storageOffset"));
  EXPECT_EQ(tensor->Find("storageOffse"), nullptr);
  EXPECT_EQ(tensor->Find("storageoffset"), nullptr);
  EXPECT_EQ(tensor->Find(""), nullptr);
}

}  // namespace
}  // namespace pthview::plugins
