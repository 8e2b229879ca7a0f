// The one table of verbs and options.
#include "tools/cli/verbs.h"

#include <algorithm>
#include <array>

namespace pthview {
namespace {

using enum OptionKind;

constexpr Option kOptions[] = {
    {"json", 0, kFlag, "", "one JSON document on standard output"},
    {"all", 0, kFlag, "", "every tensor reachable in the file, not only those of the model"},
    {"part", 0, kValues, "PATH",
     "only this section of the file (`state_dict`, `optimizer`; '': all of it); repeatable"},
    {"include", 0, kValues, "GLOB", "only tensors whose name or path matches; repeatable"},
    {"exclude", 0, kValues, "GLOB", "leave out tensors whose name or path matches; repeatable"},
    {"hash", 0, kFlag, "", "add the SHA-256 of each tensor's values"},
    {"quiet", 'q', kFlag, "", "no notes and no progress on standard error"},
    {"color", 0, kValue, "auto|always|never", "colours (default: auto, on a terminal and without NO_COLOR)"},
    {"csv", 0, kFlag, "", "comma-separated values on standard output"},
    {"markdown", 0, kFlag, "", "a table in Markdown on standard output"},
    {"max-time", 0, kValue, "N", "seconds of processor time that a query may take (600; 0: any)"},
    {"axis", 0, kValue, "N", "a row for each index along this dimension (-1: the last)"},
    {"by", 0, kValue, "tensor|module|file", "what gets a row (default: tensor)"},
    {"near-zero", 0, kValue, "X", "count as near zero what is nearer than X times the standard deviation (0.001)"},
    {"percentiles", 0, kFlag, "", "percentiles too (1, 5, 25, 50, 75, 95, 99): exact up to 65,536 values"},
    {"histogram", 0, kFlag, "", "how the values are spread: a row of bars a tensor; of a single one with every count"},
    {"bins", 0, kValue, "N", "bins of the histogram (default: by Freedman and Diaconis)"},
    {"log", 0, kFlag, "", "bins of the histogram over the logarithm of the magnitude"},
    {"spectra", 0, kFlag, "", "singular values of matrices: rank, stable rank, condition, exponent of the tail"},
    {"max-cost", 0, kValue, "X", "multiplications that all spectra together may take (2e11, about a minute)"},
    {"deep", 0, kFlag, "", "look at rows of weights and at optimizer states also where they are over 256 MB"},
    {"dot", 0, kFlag, "", "the tree for Graphviz on standard output"},
    {"map", 0, kValues, "OLD=NEW", "names that begin with OLD begin with NEW in the second file; repeatable"},
    {"rtol", 0, kValue, "X", "values this close, relative to the larger, are no difference (as torch.allclose)"},
    {"atol", 0, kValue, "X", "values this close are no difference"},
    {"architecture", 0, kFlag, "", "compare names, shapes, dtypes and modules only: reads no weights"},
    {"textconv", 0, kFlag, "", "one line a fact of one file, for `git diff`; with --hash the values' hashes too"},
    {"full", 0, kFlag, "", "every row, not the first 100 of each kind"},
    {"no-progress", 0, kFlag, "", "no progress bar"},
    {"width", 0, kValue, "N", "columns that lines may take (default: the terminal's; 0: no limit)"},
    {"no-pager", 0, kFlag, "", "no pager, which a terminal gets otherwise ($PTHVIEW_PAGER, $PAGER, less)"},
    {"sort", 0, kValue, "COLUMN",
     "order by a column: name, path, dtype, shape, parameters, bytes, kind, device, requires_grad; stats: any figure"},
    {"reverse", 0, kFlag, "", "the other way round"},
    {"depth", 0, kValue, "N", "levels of modules to show"},
    {"counts", 0, kValue, "auto|always|never", "parameters of each module behind '#' (default: auto, on a terminal)"},
    {"slice", 0, kValue, "SLICE", "the part to show, as in Python: 0,:,3:5"},
    {"method", 0, kValue, "NAME", "the graph of this method (default: all of them)"},
    {"simplify", 0, kFlag, "", "hide what only prepares others: constants, sizes, dropout that does nothing"},
    {"strict", 0, kFlag, "",
     "scan: count unknown code, and what could not be looked at, as dangerous; normalize: refuse what would lose "
     "anything"},
    {"sarif", 0, kFlag, "", "one SARIF 2.1.0 document on standard output"},
    {"output", 'o', kValue, "OUT", "the file to write (`-`: standard output); normalize: the folder"},
    {"to", 0, kValue, "FORMAT", "the format's name; else OUT's extension decides"},
    {"rules", 0, kValue, "FILE", "what to change in which sources (TOML; see below)"},
    {"dedup", 0, kValue, "none|files|tensors", "write equal files once; or equal tensors, in a tensor store"},
    {"bagit", 0, kFlag, "", "make the folder a bag (BagIt 1.0)"},
    {"dry-run", 0, kFlag, "", "read and judge, and write nothing"},
    {"shard", 0, kValue, "I/N", "only the I-th of N shares of the sources, from 0 (default: what Slurm's array says)"},
    {"force", 0, kFlag, "", "replace OUT when it exists"},
    {"weights", 0, kValue, "inline|external|in-place",
     "onnx: where the weights go (default: inline; external over 2 GB)"},
    {"data", 0, kValue, "none|base64|file", "json: whether the values are written too, and where (default: none)"},
    {"graph", 0, kValue, "auto|recorded|inferred", "which graph to write (default: auto)"},
    {"kind", 0, kValue, "histogram|heatmap|filters|attention|norms|lines", "the kind of picture (default: what suits)"},
    {"heads", 0, kValue, "N", "heads of an attention (default: what the file records, else an assumption)"},
    {"colors", 0, kValue, "blue-red|purple-orange|sea|gray",
     "colours of values (default: blue-red, sea without signs)"},
    {"theme", 0, kValue, "light|dark", "paper and ink (default: light)"},
    {"terminal", 0, kValue, "auto|symbols|sixel|kitty|iterm",
     "how pictures are shown in the terminal (default: the best that it is known to show)"},
    {"plot", 0, kFlag, "", "as a picture: into the file of -o, or in the terminal"},
    {"port", 0, kValue, "N", "the port to listen on (default: a free one)"},
    {"no-open", 0, kFlag, "", "do not open a browser"},
    {"watch", 0, kFlag, "", "load the file again when it changes"},
};

#define PTHVIEW_COMMON "quiet", "color", "no-progress"
#define PTHVIEW_FITTED "width", "no-pager", PTHVIEW_COMMON
constexpr std::string_view kInfoOptions[] = {"json", "all", "part", "include", "exclude", PTHVIEW_FITTED};
constexpr std::string_view kListOptions[] = {"json",    "csv",  "all",  "part",    "include",
                                             "exclude", "hash", "sort", "reverse", PTHVIEW_FITTED};
constexpr std::string_view kTreeOptions[] = {"json", "all", "part", "depth", "counts", PTHVIEW_FITTED};
constexpr std::string_view kShowOptions[] = {"json",  "all",  "part",   "include", "exclude",
                                             "slice", "hash", "output", "force",   PTHVIEW_FITTED};
constexpr std::string_view kStatsOptions[] = {
    "json",      "csv",         "all",       "part", "include", "exclude", "sort",     "reverse", "by",          "axis",
    "near-zero", "percentiles", "histogram", "bins", "log",     "spectra", "max-cost", "deep",    PTHVIEW_FITTED};
constexpr std::string_view kDiffOptions[] = {"json", "part",         "include", "exclude",  "map",  "rtol",
                                             "atol", "architecture", "full",    "textconv", "hash", PTHVIEW_FITTED};
constexpr std::string_view kTraceOptions[] = {"json",  "part",  "include",  "exclude", "plot",     "output",      "to",
                                              "force", "theme", "terminal", "width",   "no-pager", PTHVIEW_COMMON};
constexpr std::string_view kLineageOptions[] = {"json", "dot", "no-pager", PTHVIEW_COMMON};
constexpr std::string_view kReportOptions[] = {"output",  "force",   "all",  "part",
                                               "include", "exclude", "deep", PTHVIEW_COMMON};
constexpr std::string_view kQueryOptions[] = {"json", "csv", "markdown", "max-time", PTHVIEW_FITTED};
constexpr std::string_view kPlotOptions[] = {"output",   "to",   "force",   "kind",    "heads", "colors",      "theme",
                                             "terminal", "part", "include", "exclude", "width", PTHVIEW_COMMON};
constexpr std::string_view kGraphOptions[] = {"output", "to",   "force", "method",      "simplify",
                                              "depth",  "part", "json",  PTHVIEW_COMMON};
constexpr std::string_view kScanOptions[] = {"json", "sarif", "strict", PTHVIEW_FITTED};
constexpr std::string_view kConvertOptions[] = {"output", "to",   "force",   "weights", "data", "graph",
                                                "all",    "part", "include", "exclude", "json", PTHVIEW_COMMON};
constexpr std::string_view kNormalizeOptions[] = {"output", "to",     "part",  "include",     "exclude",
                                                  "rules",  "strict", "dedup", "bagit",       "dry-run",
                                                  "shard",  "force",  "json",  PTHVIEW_COMMON};
constexpr std::string_view kServeOptions[] = {"port", "no-open", "watch", "quiet"};
constexpr std::string_view kPluginsOptions[] = {"json", PTHVIEW_FITTED};

constexpr std::string_view kInfoExamples[] = {
    "pthview info model.pth",
    "pthview info --json checkpoints/*.pth",
};
constexpr std::string_view kListExamples[] = {
    "pthview list model.pth | head",
    "pthview list --sort bytes --reverse model.pth  # the largest first",
    "pthview list --include 'layer4.*' --hash model.pth",
    "pthview list --part optimizer --json checkpoint.pth",
    "pthview list --csv runs/*.pth > tensors.csv",
    "pthview list https://host/model.pth  # fetches what lists it, not the weights",
    "xz -dc model.pth.xz | pthview list -",
};
constexpr std::string_view kTreeExamples[] = {
    "pthview tree model.pth",
    "pthview tree --depth 2 model.pth layer1",
};
constexpr std::string_view kShowExamples[] = {
    "pthview show model.pth conv1.weight",
    "pthview show --slice 0,:,3:5 model.pth conv1.weight",
    "pthview show model.pth 'layer1.*.bias'",
    "pthview show --part ema checkpoint.pth conv1.weight  # not the one of the same name in the model",
    "pthview show checkpoint.pth epoch",
    "pthview show model.pth  # an overview of all",
    "pthview show --slice 0 model.pth conv1.weight -o filter.npy  # numpy.load opens it; .csv, .npz, .safetensors too",
};
constexpr std::string_view kStatsExamples[] = {
    "pthview stats model.pth",
    "pthview stats --sort std model.pth 'layer4.*.weight'",
    "pthview stats --axis 0 model.pth conv1.weight  # a row a filter",
    "pthview stats --by module --sort l2 --reverse model.pth",
    "pthview stats --spectra --sort alpha model.pth",
    "pthview stats --csv --percentiles model.pth > figures.csv",
    "pthview stats --log --bins 20 model.pth conv1.weight  # its histogram, over magnitudes",
};
constexpr std::string_view kDiffExamples[] = {
    "pthview diff epoch10.pth epoch11.pth",
    "pthview diff --rtol 1e-3 model.pth model.safetensors  # another format, half the precision",
    "pthview diff --map encoder.=backbone. old.pth new.pth",
    "pthview diff --architecture main.pth branch.pth || echo changed  # in CI",
    "git config diff.pthview.textconv 'pthview diff --textconv'",
};
constexpr std::string_view kTraceExamples[] = {
    "pthview trace layer4.1.conv2.weight runs/epoch*.pth",
    "pthview trace --json 'layer*.weight' runs/*.pth",
    "pthview trace --plot 'layer4.*.weight' runs/*.pth -o trace.svg  # mean, norm, update ratio, cosine",
};
constexpr std::string_view kLineageExamples[] = {
    "pthview lineage *.safetensors runs/*.pth",
    "pthview lineage --dot *.pth | dot -Tsvg > lineage.svg",
};
constexpr std::string_view kReportExamples[] = {
    "pthview report model.pth -o report.html",
    "pthview report --all --deep checkpoint.pth -o report.html  # optimizer states too, and large files row by row",
};
constexpr std::string_view kQueryExamples[] = {
    "pthview query model.pth \"SELECT name, shape, nbytes FROM tensors ORDER BY nbytes DESC LIMIT 10\"",
    "pthview query runs/*.pth \"SELECT file, number FROM 'values' WHERE path = 'epoch'\"",
    "pthview query model.pth \"SELECT name, std FROM statistics WHERE name GLOB '*.weight' AND zeros > 0\"",
    "pthview query model.pth \"SELECT * FROM columns\"  # what there is to ask for",
};
constexpr std::string_view kPlotExamples[] = {
    "pthview plot model.pth conv1.weight  # in the terminal",
    "pthview plot model.pth conv1.weight fc.weight -o weights.png",
    "pthview plot --kind histogram model.pth 'layer1.*.weight' -o histograms.svg",
    "pthview plot --heads 12 bert.pth '*.query.weight' -o heads/  # a file each",
    "pthview plot model.pth fc.weight -o - | display",
};
constexpr std::string_view kGraphExamples[] = {
    "pthview graph model.pt2 | less",
    "pthview graph --simplify -o graph.svg model.pt2",
    "pthview graph --method encode --json model.pt2",
    "pthview graph --depth 1 -o graph.pdf model.pth  # the blocks of the model, each one box",
};
constexpr std::string_view kScanExamples[] = {
    "pthview scan model.pth && python train.py --resume model.pth",
    "pthview scan --strict downloads/  # every file below",
    "pthview scan --sarif *.pt > scan.sarif",
};
constexpr std::string_view kConvertExamples[] = {
    "pthview convert model.pth -o model.onnx",
    "pthview convert big.pth -o big.onnx --weights in-place  # milliseconds: nothing is copied",
    "pthview convert model.pth --to json -o - | less",
    "pthview convert old.pkl -o clean.pth  # opens with torch.load(weights_only=True)",
};
constexpr std::string_view kNormalizeExamples[] = {
    "pthview normalize checkpoints/ -o archive",
    "pthview normalize --dry-run checkpoints/ -o archive  # what it would do, and the space it takes",
    "pthview normalize --to pth,safetensors,json --bagit checkpoints/ -o archive",
    "find /data -name '*.pt*' | pthview normalize --dedup tensors - -o archive",
    "pthview normalize verify archive",
    "pthview normalize restore archive runs/best.pth -o best.pth",
};
constexpr std::string_view kServeExamples[] = {
    "pthview serve model.pth",
    "pthview serve epoch1.pth epoch2.pth  # a switcher between them",
    "pthview serve --watch --no-open runs/last.pth",
    "ssh -L 8080:localhost:8080 host pthview serve --port 8080 --no-open model.pth",
};
constexpr std::string_view kCompletionExamples[] = {"source <(pthview completion bash)"};
constexpr std::string_view kPluginsExamples[] = {"pthview plugins"};

constexpr Verb kVerbs[] = {
    {"info", "FILE...", "what a file is: format, parts, sizes, metadata, findings, what to do next",
     "What people wrote into the file comes first; --all adds bookkeeping, and every row. Every tensor of the file\n"
     "counts, unless --part, --include or --exclude narrow it down. A folder that is no checkpoint itself is listed, "
     "a\n"
     "line a checkpoint. `pthview FILE...` does the same.",
     kInfoExamples, kInfoOptions, 1, SIZE_MAX, RunInfo},
    {"list", "FILE...", "one row a tensor: name, dtype, shape, sizes, device",
     "Lists every part of kind model; --part and --all choose others.", kListExamples, kListOptions, 1, SIZE_MAX,
     RunList},
    {"tree", "FILE [MODULE]", "the modules as print(model) shows them",
     "For a model of torch.nn's classes that was saved whole, this is what torch prints. Shows every part of kind "
     "model\n"
     "and ema; --part and --all choose others, and --all adds plain attributes of other classes. What is inferred "
     "from\n"
     "names and shapes, and not recorded in the file, is marked with '~'.",
     kTreeExamples, kTreeOptions, 1, 2, RunTree},
    {"show", "FILE [NAME]", "one tensor or plain value: facts, values, statistics",
     "Without NAME an overview: a row a tensor of the model, with mean and first values. NAME is an exact name\n"
     "or path; else a module (all below it); else a glob; else a part of a name. It is looked for in the whole file\n"
     "(--all changes nothing), unless --part, --include or --exclude narrow it down.",
     kShowExamples, kShowOptions, 1, 2, RunShow},
    {"stats", "FILE [NAME...]", "a row of figures a tensor: mean, deviation, extremes, zeros, NaN and more",
     "NAME is looked up as `show` does. Figures are over the finite values; NaN and infinities are counted apart. "
     "What\n"
     "looks unwell follows, with why and what it may mean. Where the file holds optimizer states: `gradient` is the "
     "root\n"
     "mean square that they remember, `update_ratio` the size of the last step over that of the weight; what is "
     "assumed\nfor them (hyperparameters that are not recorded, say) is told in a note.",
     kStatsExamples, kStatsOptions, 1, SIZE_MAX, RunStats},
    {"diff", "A B", "what two files differ by: tensors, plain values, architecture",
     "Tensors are matched by name, behind prefixes of wrappers and others that many names share, by --map, and by\n"
     "content. Exit status 1 when anything differs; close values count as equal only with --rtol or --atol.",
     kDiffExamples, kDiffOptions, 1, 2, RunDiff},
    {"trace", "NAME FILE...", "a tensor across checkpoints: figures, size of each update, change from the first",
     "Files are ordered by the step or epoch that they record, where all do; else by name. The update ratio is the\n"
     "norm of the change since the checkpoint before, over that checkpoint's norm.",
     kTraceExamples, kTraceOptions, 2, SIZE_MAX, RunTrace},
    {"lineage", "FILE...", "which checkpoint most likely came from which, with the evidence",
     "Told are: steps of one run, fine-tunes, frozen layers, merged LoRAs, copies rounded to smaller types, averages "
     "of\n"
     "others. It is a guess from shared tensors, distances and recorded steps; what is assumed is said.",
     kLineageExamples, kLineageOptions, 1, SIZE_MAX, RunLineage},
    {"report", "FILE -o OUT", "one HTML page: summary, warnings, modules, every tensor with figures and a picture",
     "The page is one file without anything from outside, for light and dark screens and for paper. It holds figures,\n"
     "histograms and small pictures, not the values. The same file gives the same page.",
     kReportExamples, kReportOptions, 1, 1, RunReport},
    {"query", "FILE... SQL", "any question, as a SELECT of SQL over what the files hold",
     "The tables are tensors, modules, \"values\" (plain ones), findings, statistics, and columns, which describes "
     "them.\n"
     "Each has a column `file`. statistics reads the values of those tensors only whose rows a query comes to. The SQL "
     "is\n"
     "SQLite's; it can only read. What the columns are, and ten questions worked out: tools/cli/query.md.",
     kQueryExamples, kQueryOptions, 2, SIZE_MAX, RunQuery},
    {"plot", "FILE NAME...", "tensors as pictures: filters, heatmaps, attention heads, norms, lines, histograms",
     "NAME is looked up as `show` does. Without -o the picture is shown in the terminal. Filters of convolutions "
     "become\n"
     "tiles, projections of attentions a part a head, embeddings the norms of their rows, other matrices a heatmap, "
     "vectors\n"
     "lines. What is averaged, sampled, cut off or assumed is said below each picture. A block that holds a NaN or an\n"
     "infinity has a colour of its own.",
     kPlotExamples, kPlotOptions, 2, SIZE_MAX, RunPlot},
    {"graph", "FILE", "the graph that the file records, as text, JSON or a picture",
     "Where the file records none, the graph that is inferred from classes, names and shapes. With -o it is drawn by\n"
     "Graphviz; --depth says how many levels of modules are unfolded (default: as many as are readable).",
     kGraphExamples, kGraphOptions, 1, 1, RunGraph},
    {"scan", "FILE...", "what loading a file with Python could run, without running it",
     "Exit status 1 when something known to be dangerous is found, when an archive plays tricks, or when not all\n"
     "could be looked at (with --strict, for unknown code too). A list of what is dangerous is never complete: that\n"
     "nothing was found proves nothing.",
     kScanExamples, kScanOptions, 1, SIZE_MAX, RunScan},
    {"convert", "FILE -o OUT", "write the file as ONNX, annotated JSON, safetensors or a clean .pth",
     "ONNX takes every part of kind model; --part and --all choose others. The others take everything, unless --part,\n"
     "--include or --exclude narrow it down. What is left out or changed is said on standard error. What safetensors\n"
     "cannot hold goes into OUT.json beside it, and both together can become a .pth again.",
     kConvertExamples, kConvertOptions, 1, 1, RunConvert},
    {"normalize", "SRC... -o DIR", "write a whole archive of checkpoints anew: safe, described, verified",
     "SRC is a file, a folder (all below it) or `-`, a list on standard input. Each source is written to DIR/data as\n"
     "safetensors and JSON (--to chooses: safetensors,pth,onnx,json); manifest.jsonl tells hashes, tensors, findings "
     "and\n"
     "a ledger of everything dropped, changed or only described; report.html is for people. Sources are never "
     "touched.\n"
     "The same command goes on where a run was stopped. --include and --exclude choose sources by name, --part "
     "sections\n"
     "(model, optimizer, ... or a path). Exit status 1 when a source was refused, 2 when the run itself failed.\n"
     "\n"
     "  normalize verify DIR                hashes everything again and compares it with the manifest\n"
     "  normalize restore DIR NAME -o OUT   gives one checkpoint back\n"
     "  normalize merge DIR                 joins what the shards of --shard wrote\n"
     "\n"
     "A rule in a --rules FILE; each line but the first may be left out:\n"
     "  [[rule]]\n"
     "  match = \"old/*.pth\"\n"
     "  part = [\"model\"]\n"
     "  exclude = [\"*.num_batches_tracked\"]\n"
     "  strip_prefix = [\"module.\"]\n"
     "  rename = [{from = \"^fc\\\\.\", to = \"head.\"}]\n"
     "  cast = {to = \"float16\", include = [\"*.weight\"]}",
     kNormalizeExamples, kNormalizeOptions, 1, SIZE_MAX, RunNormalize},
    {"serve", "[FILE...]", "look at architecture and weights in the browser", "Without FILE a small sample is shown.",
     kServeExamples, kServeOptions, 0, SIZE_MAX, RunServe},
    {"completion",
     "SHELL",
     "completions for bash, zsh or fish: verbs, options, files, names of tensors",
     "Prints a script for the shell to read. Installing pthview puts it where shells look for it.",
     kCompletionExamples,
     {},
     1,
     1,
     RunCompletion},
    {"plugins", "", "what can be opened and written, and what does it", "", kPluginsExamples, kPluginsOptions, 0, 0,
     RunPlugins},
};

}  // namespace

std::span<const Verb> Verbs() { return kVerbs; }
std::span<const Option> AllOptions() { return kOptions; }

const Option& OptionByName(std::string_view name) {
  return *std::find_if(std::begin(kOptions), std::end(kOptions),
                       [&](const Option& option) { return option.name == name; });
}

const Verb* FindVerb(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Verb& verb) { return verb.name == name; });
  return found == std::end(kVerbs) ? nullptr : found;
}

}  // namespace pthview
