// Callables of torch, NumPy and Python's library that run text, unpickle, import by name, open files or start programs,
// found by going through every function of torch 2.13, NumPy 2.4 and Python 3.11 whose body does so. Of torch and NumPy
// a name counts in every module of the package, for modules hand on what they import: `torch.fx._lazy_graph_module` has
// `reduce_graph_module` too, and honest files name none of them anywhere.
#pragma once

#include <string_view>

namespace pthview::known_globals {

struct Callables {
  std::string_view package;
  bool below;              // in the modules below it as well
  std::string_view names;  // each followed by a blank; a dotted one is an attribute of a class
  bool runs_text = false;  // they run source text that they are handed
};

inline constexpr Callables kCallables[] = {
    // run source text
    {"torch", true,
     "reduce_graph_module reduce_package_graph_module reduce_deploy_graph_module "
     "_deserialize_graph_module _exec_with_source _forward_from_src _method_from_src "
     "_compile_and_exec_source _convert_guards_code_to_fn _eval_no_call "
     "_torchscript_type_to_python_type execWrapper build_ignore_context_manager "
     "report_compile_source_on_error instantiate_scriptable_remote_module_template "
     "instantiate_non_scriptable_remote_module_template _do_instantiate_remote_module_template "
     "_StringLoader build_groups_memberships transform_ft ChainedSource.get_value "
     "_resolve_mutated_flat_indices triton_kernel_wrapper_mutation_dense infer_schema "
     "compile_timeit_template compile_callgrind_template _compile_template GlobalsBridge "
     "CopyIfCallgrind wrapper_singleton _ValgrindWrapper CompilationUnit load_inline ",
     true},
    // unpickle, load files
    {"torch", true,
     "load _load _legacy_load legacy_load jit_load load_url load_state_dict_from_url load_pt2 "
     "load_package load_library load_nvfuser_ops basichandlers extension_extract_fn "
     "get_file_binaries_from_pathnames _DataPipeSerializationWrapper _IterDataPipeSerializationWrapper "
     "_MapDataPipeSerializationWrapper deserialize_torch_artifact _load_state_dict _load_constants "
     "load_op_profiles load_from_buffer import_ir_module import_ir_module_from_buffer "
     "_import_ir_module_from_package PyTorchFileReader _load_for_mobile _load_for_lite_interpreter "
     "_load_for_lite_interpreter_from_buffer _load_jit_module_from_file _load_jit_module_from_bytes "
     "_load_mobile_module_from_file _load_mobile_module_from_bytes get_flatbuffer_module_info "
     "_get_model_ops_and_info jit_module_from_flatbuffer get_model_info read_dump _broadcast_object "
     "_recursive_script_module_receiver _recursive_script_module_reducer torch_save_to_dcp "
     "dcp_to_torch_save FileSystemReader BroadcastingTorchSaveReader CheckpointReader "
     "ContentStoreReader DummyUnpickler ConnectionWrapper GraphPickler _GraphUnpickler "
     "_TorchNumpyPickleData AOTAutogradCache _PseudoZipFile from_file "
     "_augment_memory_snapshot_stack_traces load_trace report_all_anti_patterns extract_ir load_tensor "
     "load_tensor_reader "},
    // import by name
    {"torch", true,
     "_import_dotted_name try_import _get_module_and_submodules get_user_ordering_fn enum_object_hook "
     "_defaultdict_deserialize treespec_loads _LazyModule _collect_examples import_module "},
    // start programs, write or remove files, map libraries
    {"torch", true,
     "save _save export_as_test_case export_data PyTorchFileWriter _open_file "
     "_open_zipfile_writer_file _open_zipfile_writer _open_zipfile_writer_buffer FileBaton "
     "CUDAPluggableAllocator XPUPluggableAllocator _load_dll_libraries _load_global_deps "
     "_preload_cuda_lib _preload_cuda_deps format_flamegraph cpp_jit optimize_for_mobile_file "
     "ContentStoreWriter StrobelightCLIFunctionProfiler StrobelightCompileTimeProfiler get_fburl "
     "_dump_snapshot _save_segment_usage _save_memory_usage save_trace FileSystemWriter set_trace "},
    {"torch.jit", true, "script script_method get_signature parse_type_line trace "},
    {"torch.export", true, "deserialize "},
    {"torch._export", true, "deserialize "},
    {"torch.multiprocessing", true, "spawn start_processes "},
    {"torch._functorch", true, "get_inputs "},
    {"torch.utils", true, "process_file Timer timer "},
    {"torch.utils.data.datapipes", true,
     "Decoder ImageHandler imagehandler audiohandler videohandler mathandler MatHandler "},
    {"torch.backends.xeon", true, "main _Launcher _CPUinfo "},
    {"torch.utils.show_pickle", true, "main "},
    {"torch.cuda", true, "_read _write _get_cuda_library _get_nvrtc_library _get_hip_runtime_library "},
    {"torch.distributed", true, "MemoryTracker breakpoint _make_distributed_pdb read_from PGTransport "},
    {"torch._guards", true, "Source.get_value "},
    {"torch._vendor", true, "exec main compile_worker "},
    {"numpy", true,
     "load loads _load save savez savez_compressed savetxt loadtxt genfromtxt recfromtxt recfromcsv "
     "ndfromtxt mafromtxt fromfile fromregex memmap open_memmap read_array write_array "
     "read_array_header_1_0 _read_array_header safe_eval NpzFile BagObj DataSource Repository "
     "_FileOpeners zipfile_factory fromtextfile openfile npy_load_module open_latin1 _dump _dumps "
     "fromfunction apply_along_axis apply_over_axes lookfor _makenamedict add_newdoc load_library "
     "runstring ndarray.tofile ndarray.dump "},
    {"_bootsubprocess", false, "Popen check_output _waitstatus_to_exitcode "},
    {"_pyio", false, "open open_code _open_code_with_warning FileIO "},
    {"_frozen_importlib", false, "__import__ _gcd_import import_module _load _exec _find_and_load "},
    {"_frozen_importlib_external", false,
     "SourceFileLoader SourcelessFileLoader ExtensionFileLoader FileLoader FileFinder "
     "_get_supported_file_loaders "},
    {"argparse", false, "FileType "},
    {"ast", false, "main "},
    {"asyncore", true, "dispatcher file_dispatcher loop "},
    {"base64", false, "main "},
    {"code", false, "interact "},
    {"concurrent.futures", true, "ProcessPoolExecutor ThreadPoolExecutor "},
    {"configparser", false, "RawConfigParser.read ConfigParser.read "},
    {"copyreg", false, "pickle add_extension remove_extension clear_extension_cache constructor "},
    {"codecs", false, "open getreader StreamReaderWriter EncodedFile register "},
    {"curses", true, "wrapper initscr "},
    {"dataclasses", false, "_create_fn make_dataclass _process_class "},
    {"dis", false, "_try_compile main _test "},
    {"encodings", false, "search_function "},
    {"functools", false, "reduce "},
    {"gettext", false, "c2py translation install GNUTranslations.install "},
    {"imghdr", false, "what testall "},
    {"itertools", false, "starmap "},
    {"json.tool", false, "main "},
    {"mailbox", false, "Maildir mbox MMDF MH Babyl _singlefileMailbox _lock_file _create_carefully "},
    {"optparse", false, "Values.read_file Values.read_module "},
    {"pathlib", false,
     "Path.open Path.write_text Path.write_bytes Path.read_text Path.read_bytes Path.rename "
     "Path.replace Path.rmdir Path.mkdir Path.touch Path.chmod Path.symlink_to Path.hardlink_to "
     "Path.unlink "},
    {"plistlib", false, "load "},
    {"pyclbr", false, "readmodule readmodule_ex _main "},
    {"quopri", false, "main "},
    {"sndhdr", false, "what whathdr testall "},
    {"sre_compile", false, "main "},
    {"tabnanny", false, "check "},
    {"tkinter", true, "Tk Tcl Tk.readprofile _tkinter create askopenfile asksaveasfile "},
    {"_tkinter", false, "create "},
    {"tokenize", false, "open main "},
    {"turtle", false,
     "config_dict readconfig read_docstrings write_docstringdict __forwardmethods _make_global_funcs "},
    {"types", false, "FunctionType CodeType LambdaType MethodType ModuleType "},
    {"typing", false, "get_type_hints _eval_type ForwardRef._evaluate "},
    {"unittest", true,
     "main TestProgram TestLoader loadTestsFromName defaultTestLoader patch _importer _get_target "
     "_dot_lookup _set_signature "},
    {"uu", false, "encode decode test "},
    {"warnings", false, "_getcategory _processoptions _setoption "},
    {"wave", false, "open Wave_read Wave_write "},
    {"aifc", false, "open Aifc_read Aifc_write "},
    {"sunau", false, "open "},
    {"xml", true,
     "parse parseFragment iterparse default_loader getDOMImplementation _create_parser make_parser "
     "prepare_input_source DOMBuilder DOMEntityResolver ElementTree.parse "},
    {"zipapp", false, "create_archive main _maybe_open "},
    {"zoneinfo", true, "load_tzdata reset_tzpath "},
    {"pandas", true,
     "read_pickle eval query read_csv read_hdf read_json read_html read_sql to_pickle get_handle "
     "pickle_load "},
    {"scipy", true, "loadmat savemat load_npz weave "},
    {"sympy", true, "sympify parse_expr lambdify preview "},
    {"sklearn", true, "joblib load_svmlight_file fetch_openml "},
    {"numexpr", true, "evaluate "},
    {"keras", true, "load_model Lambda func_load "},
    {"tensorflow", true, "load_op_library load_library py_function numpy_function read_file write_file "},
    {"transformers", true, "get_class_from_dynamic_module get_class_in_module cached_file "},
    {"huggingface_hub", true, "hf_hub_download snapshot_download "},
    {"pytorch_lightning", true, "load _load pl_load "},
    {"lightning", true, "load _load pl_load "},
    {"lightning_fabric", true, "_load pl_load "},
    {"yaml", true, "load unsafe_load full_load UnsafeLoader FullLoader load_all unsafe_load_all "},
};

}  // namespace pthview::known_globals
