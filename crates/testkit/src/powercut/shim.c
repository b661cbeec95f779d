/*
 * Preloaded into a process under test: writes down, in order, what it does to
 * the files below one folder and when each is synced, so that any state that a
 * power cut could leave can be made again.
 *
 * SEALPOST_POWER_DIR is the folder, SEALPOST_POWER_LOG the log. A record is a
 * kind (one byte) and its fields, numbers as 8 bytes of this machine, texts
 * and data with their length before them:
 *
 *   C inode path       a file was opened that may have been made by that
 *   D path             a folder was made
 *   W inode offset data
 *   T inode size
 *   S inode            a file was synced
 *   F path             a folder was synced
 *   R from to          renamed
 *   U path             removed
 *   A data             written to standard output
 *
 * One lock around each operation and its record keeps their order true.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;
static char dir[PATH_MAX];


static int recording(void)
{
	if (log_fd == -2) {
		const char *log = getenv("SEALPOST_POWER_LOG"), *below = getenv("SEALPOST_POWER_DIR");
		log_fd = -1;
		if (log && below && realpath(below, dir))
			log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	}
	return log_fd >= 0;
}

static void put(const void *bytes, size_t length)
{
	const char *from = bytes;
	while (length > 0) {
		ssize_t done = syscall(SYS_write, log_fd, from, length);
		if (done < 0 && errno == EINTR) continue;
		if (done <= 0) abort();
		from += done;
		length -= (size_t)done;
	}
}

static void number(uint64_t value) { put(&value, sizeof value); }
static void data(const void *bytes, size_t length) { number(length); put(bytes, length); }
static void text(const char *path) { data(path, strlen(path)); }
static void kind(char word) { put(&word, 1); }

/* Whether a path is below the folder; its absolute form without links in its folder. */
static int below(const char *path, char *whole)
{
	char copy[PATH_MAX], *slash;
	if (strlen(path) >= PATH_MAX) return 0;
	strcpy(copy, path);
	slash = strrchr(copy, '/');
	if (!slash) return 0;
	*slash = 0;
	if (!realpath(*copy ? copy : "/", whole)) return 0;
	if (strlen(whole) + strlen(slash + 1) + 2 > PATH_MAX) return 0;
	strcat(whole, "/");
	strcat(whole, slash + 1);
	return strncmp(whole, dir, strlen(dir)) == 0 && whole[strlen(dir)] == '/';
}

/* The inode behind a descriptor below the folder; 0 for any other. */
static uint64_t inode_of(int fd, char *path, mode_t *mode)
{
	char link[64];
	struct stat stat;
	ssize_t length;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
	if (length <= 0) return 0;
	path[length] = 0;
	if (strncmp(path, dir, strlen(dir)) != 0 || (path[strlen(dir)] != '/' && path[strlen(dir)] != 0)) return 0;
	if (fstat(fd, &stat) != 0) return 0;
	*mode = stat.st_mode;
	return stat.st_ino;
}

static void opened(int fd, int flags)
{
	char path[PATH_MAX];
	mode_t mode;
	uint64_t inode = fd >= 0 && (flags & O_CREAT) ? inode_of(fd, path, &mode) : 0;
	if (!inode) return;
	kind('C'); number(inode); text(path);
	if (flags & O_TRUNC) { kind('T'); number(inode); number(0); }
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
	int fd, error;
	if (!recording() || !(flags & O_CREAT)) return (int)syscall(SYS_openat, at, path, flags, mode);
	pthread_mutex_lock(&lock);
	fd = (int)syscall(SYS_openat, at, path, flags, mode);
	error = errno;
	opened(fd, flags);
	pthread_mutex_unlock(&lock);
	errno = error;
	return fd;
}

static mode_t mode_in(int flags, va_list rest)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name, first, at) \
	int name(first const char *path, int flags, ...) \
	{ \
		va_list rest; \
		mode_t mode; \
		va_start(rest, flags); \
		mode = mode_in(flags, rest); \
		va_end(rest); \
		return open_at(at, path, flags, mode); \
	}
#define NONE
#define AT int folder,
OPEN(open, NONE, AT_FDCWD)
OPEN(open64, NONE, AT_FDCWD)
OPEN(openat, AT, folder)
OPEN(openat64, AT, folder)

/* What was written at `offset`, or where the descriptor stood (-1). */
static void wrote(int fd, const struct iovec *parts, int count, ssize_t done, off_t offset)
{
	char path[PATH_MAX];
	mode_t mode;
	uint64_t inode;
	size_t left = (size_t)done;
	if (done <= 0) return;
	if (fd == STDOUT_FILENO) {
		kind('A'); number(left);
	} else {
		inode = inode_of(fd, path, &mode);
		if (!inode) return;
		if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - done;
		kind('W'); number(inode); number((uint64_t)offset); number(left);
	}
	for (int at = 0; at < count && left > 0; at++) {
		size_t part = parts[at].iov_len < left ? parts[at].iov_len : left;
		put(parts[at].iov_base, part);
		left -= part;
	}
}

static ssize_t write_at(int fd, const struct iovec *parts, int count, off_t offset)
{
	ssize_t done;
	int error, is_kept = recording() && fd != log_fd;
	if (is_kept) pthread_mutex_lock(&lock);
	done = offset < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, offset, 0);
	error = errno;
	if (is_kept) {
		wrote(fd, parts, count, done, offset);
		pthread_mutex_unlock(&lock);
	}
	errno = error;
	return done;
}

ssize_t write(int fd, const void *from, size_t length)
{
	struct iovec part = { (void *)from, length };
	return write_at(fd, &part, 1, -1);
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return write_at(fd, parts, count, -1); }

ssize_t pwrite(int fd, const void *from, size_t length, off_t offset)
{
	struct iovec part = { (void *)from, length };
	return write_at(fd, &part, 1, offset);
}

ssize_t pwrite64(int fd, const void *from, size_t length, off64_t offset) { return pwrite(fd, from, length, offset); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return write_at(fd, parts, count, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return write_at(fd, parts, count, offset); }

int ftruncate(int fd, off_t size)
{
	char path[PATH_MAX];
	mode_t mode;
	uint64_t inode;
	int done;
	if (!recording()) return (int)syscall(SYS_ftruncate, fd, size);
	pthread_mutex_lock(&lock);
	done = (int)syscall(SYS_ftruncate, fd, size);
	inode = done == 0 ? inode_of(fd, path, &mode) : 0;
	if (inode) { kind('T'); number(inode); number((uint64_t)size); }
	pthread_mutex_unlock(&lock);
	return done;
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

static int synced(int fd, long call)
{
	char path[PATH_MAX];
	mode_t mode;
	uint64_t inode;
	int done;
	if (!recording()) return (int)syscall(call, fd);
	pthread_mutex_lock(&lock);
	done = (int)syscall(call, fd);
	inode = done == 0 ? inode_of(fd, path, &mode) : 0;
	if (inode && S_ISDIR(mode)) { kind('F'); text(path); }
	else if (inode) { kind('S'); number(inode); }
	pthread_mutex_unlock(&lock);
	return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int rename(const char *from, const char *to)
{
	char old[PATH_MAX], new[PATH_MAX];
	int done;
	if (!recording()) return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
	pthread_mutex_lock(&lock);
	done = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
	if (done == 0 && below(from, old) && below(to, new)) { kind('R'); text(old); text(new); }
	pthread_mutex_unlock(&lock);
	return done;
}

int unlink(const char *path)
{
	char whole[PATH_MAX];
	int done;
	if (!recording()) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	pthread_mutex_lock(&lock);
	done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	if (done == 0 && below(path, whole)) { kind('U'); text(whole); }
	pthread_mutex_unlock(&lock);
	return done;
}

int mkdir(const char *path, mode_t mode)
{
	char whole[PATH_MAX];
	int done;
	if (!recording()) return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
	pthread_mutex_lock(&lock);
	done = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
	if (done == 0 && below(path, whole)) { kind('D'); text(whole); }
	pthread_mutex_unlock(&lock);
	return done;
}
