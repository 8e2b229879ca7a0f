# Writes the page's style and scripts as a source file: cmake -D OUT=... -D STYLE=... -D SCRIPTS=a,b,c -P embed.cmake
file(READ "${STYLE}" style)
set(script "")
string(REPLACE "," ";" files "${SCRIPTS}")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  string(APPEND script "${text}")
endforeach()
file(WRITE "${OUT}.tmp"
     "#include \"tools/report/page.h\"\n\nnamespace pthview::report {\n\n"
     "const std::string_view kStyle = R\"page(${style})page\";\n\n"
     "const std::string_view kScript = R\"page(${script})page\";\n\n}  // namespace pthview::report\n")
file(COPY_FILE "${OUT}.tmp" "${OUT}" ONLY_IF_DIFFERENT)
