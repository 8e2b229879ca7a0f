// For tests: makes system calls fail. Loaded before libc through LD_PRELOAD.
//   FAULT_READ=N    the N-th pread of more than 64 bytes fails with EIO
//   FAULT_SPACE=N   after N bytes have been written, every write fails with ENOSPC
//   FAULT_WRITE=N   the N-th write fails with EIO
//   FAULT_SYNC=N    the N-th fdatasync, fsync or syncfs fails with EIO
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long reads, writes, written, syncs;

static long Limit(const char* name) {
  const char* text = getenv(name);
  return text == NULL ? -1 : atol(text);
}

static int Full(int fd, size_t count) {
  if (fd <= 2) return 0;
  const long turn = Limit("FAULT_WRITE");
  if (turn >= 0 && atomic_fetch_add(&writes, 1) + 1 == turn) {
    errno = EIO;
    return 1;
  }
  const long limit = Limit("FAULT_SPACE");
  if (limit < 0) return 0;
  if (atomic_fetch_add(&written, (long)count) + (long)count <= limit) return 0;
  errno = ENOSPC;
  return 1;
}

static int Bad(size_t count) {
  const long limit = Limit("FAULT_READ");
  if (limit < 0 || count <= 64 || atomic_fetch_add(&reads, 1) + 1 != limit) return 0;
  errno = EIO;
  return 1;
}

static int Unsynced(void) {
  const long limit = Limit("FAULT_SYNC");
  if (limit < 0 || atomic_fetch_add(&syncs, 1) + 1 != limit) return 0;
  errno = EIO;
  return 1;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void* bytes, size_t count) {
  return Full(fd, count) ? -1 : REAL(ssize_t, "write", int, const void*, size_t)(fd, bytes, count);
}
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  return Full(fd, count) ? -1 : REAL(ssize_t, "pwrite", int, const void*, size_t, off_t)(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t at) { return pwrite(fd, bytes, count, at); }
ssize_t pread(int fd, void* bytes, size_t count, off_t at) {
  return Bad(count) ? -1 : REAL(ssize_t, "pread", int, void*, size_t, off_t)(fd, bytes, count, at);
}
ssize_t pread64(int fd, void* bytes, size_t count, off_t at) { return pread(fd, bytes, count, at); }
ssize_t copy_file_range(int in, off_t* from, int out, off_t* to, size_t count, unsigned flags) {
  (void)in, (void)from, (void)out, (void)to, (void)count, (void)flags;
  errno = EXDEV;  // everything through write
  return -1;
}
int fsync(int fd) { return Unsynced() ? -1 : REAL(int, "fsync", int)(fd); }
int fdatasync(int fd) { return Unsynced() ? -1 : REAL(int, "fdatasync", int)(fd); }
int syncfs(int fd) { return Unsynced() ? -1 : REAL(int, "syncfs", int)(fd); }
