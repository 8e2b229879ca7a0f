// The system calls that a plug-in is denied. A list of what is denied, not of what is allowed: plug-ins are written in
// any language, and what their runtimes call changes. Landlock already keeps files from being opened for writing; this
// denies what it does not cover (attributes of files, sockets, processes, kernel interfaces). It is plain BPF: the rows
// below need none of what libseccomp adds (other architectures, argument trees).
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include <sched.h>

#include "plugins/host/sandbox.h"

namespace pthview::plugins {
namespace {

// Not in the headers of Debian 12.
constexpr int kFchmodat2 = 452;
constexpr int kMapShadowStack = 453;
constexpr int kSetxattrat = 463;
constexpr int kRemovexattrat = 466;
constexpr int kFileSetattr = 469;

constexpr int kDenied[] = {
    // Network, and other ways to talk to processes that outlive this one.
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_shmget,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
    SYS_mq_unlink,
    // Processes.
    SYS_fork,
    SYS_vfork,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_kcmp,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_tkill,
    SYS_setrlimit,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_setpgid,
    SYS_setsid,
    // What belongs to a file beside its bytes, and truncation, which Landlock of Debian 12's kernel does not cover.
    SYS_truncate,
    SYS_chmod,
    SYS_fchmod,
    SYS_fchmodat,
    kFchmodat2,
    SYS_chown,
    SYS_fchown,
    SYS_lchown,
    SYS_fchownat,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    kSetxattrat,
    kRemovexattrat,
    kFileSetattr,
    SYS_creat,
    // Mounts and namespaces.
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_swapon,
    SYS_swapoff,
    // The kernel itself.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_acct,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_iopl,
    SYS_ioperm,
    SYS_vhangup,
    SYS_fanotify_init,
    SYS_lookup_dcookie,
    kMapShadowStack,
};

// Those whose arguments stand in memory, where a filter cannot see them: libraries fall back to the older call.
constexpr int kUnknown[] = {SYS_clone3, SYS_openat2};

constexpr uint32_t Refuse(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }
constexpr uint32_t LowHalf(int argument) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args) + sizeof(uint64_t) * static_cast<size_t>(argument));
}

class Program {
 public:
  std::vector<sock_filter> rows;

  void Load(uint32_t offset) { rows.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }
  void Return(uint32_t value) { rows.push_back(BPF_STMT(BPF_RET | BPF_K, value)); }
  // The next `skip` rows are passed over unless the comparison holds.
  void Unless(uint16_t comparison, uint32_t value, uint8_t skip) {
    rows.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, skip));
  }
  // The next `skip` rows are passed over if it holds.
  void If(uint16_t comparison, uint32_t value, uint8_t skip) {
    rows.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, skip, 0));
  }
  void LoadNumber() { Load(offsetof(seccomp_data, nr)); }
};

}  // namespace

std::vector<sock_filter> SystemCallFilter(std::vector<size_t>* own_pid) {
  Program program;
  program.Load(offsetof(seccomp_data, arch));
  program.If(BPF_JEQ, AUDIT_ARCH_X86_64, 1);
  program.Return(SECCOMP_RET_KILL_PROCESS);
  program.LoadNumber();
  program.Unless(BPF_JGE, 0x40000000, 1);  // x32 numbers
  program.Return(Refuse(ENOSYS));
  for (int number : kDenied) {
    program.Unless(BPF_JEQ, static_cast<uint32_t>(number), 1);
    program.Return(Refuse(EPERM));
  }
  for (int number : kUnknown) {
    program.Unless(BPF_JEQ, static_cast<uint32_t>(number), 1);
    program.Return(Refuse(ENOSYS));
  }
  // Threads, and no processes.
  program.Unless(BPF_JEQ, SYS_clone, 4);
  program.Load(LowHalf(0));
  program.If(BPF_JSET, CLONE_THREAD, 1);
  program.Return(Refuse(EPERM));
  program.Return(SECCOMP_RET_ALLOW);
  // Signals to itself: abort() is how programs crash.
  for (int number : {SYS_kill, SYS_tgkill}) {
    program.Unless(BPF_JEQ, static_cast<uint32_t>(number), 4);
    program.Load(LowHalf(0));
    own_pid->push_back(program.rows.size());
    program.If(BPF_JEQ, 0, 1);
    program.Return(Refuse(EPERM));
    program.Return(SECCOMP_RET_ALLOW);
  }
  // Limits may be asked for, not set: the third argument is a pointer to new ones.
  program.Unless(BPF_JEQ, SYS_prlimit64, 6);
  program.Load(LowHalf(2));
  program.Unless(BPF_JEQ, 0, 3);
  program.Load(LowHalf(2) + 4);
  program.Unless(BPF_JEQ, 0, 1);
  program.Return(SECCOMP_RET_ALLOW);
  program.Return(Refuse(EPERM));
  // Opening cuts a file short even where it opens it for reading.
  struct Open {
    int number;
    int flags;
  };
  for (Open open : {Open{SYS_open, 1}, Open{SYS_openat, 2}}) {
    program.Unless(BPF_JEQ, static_cast<uint32_t>(open.number), 4);
    program.Load(LowHalf(open.flags));
    program.Unless(BPF_JSET, O_TRUNC, 1);
    program.Return(Refuse(EACCES));
    program.Return(SECCOMP_RET_ALLOW);
  }
  program.Return(SECCOMP_RET_ALLOW);
  return program.rows;
}

}  // namespace pthview::plugins
