set(links pthview_plugins_host pthview_torchscript_text)
target_compile_definitions(plugins_test PRIVATE PTHVIEW_PROTOCOL_PROTO="${PROJECT_SOURCE_DIR}/plugins/host/protocol.proto")
