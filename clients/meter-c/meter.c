/* A GridTokenX meter: it stores what its registers show, signs it, and delivers it until a node has taken
 * it. Samples come on standard input, one a line: START_S END_S IMPORT_WH EXPORT_WH. See README.md. */
#define _POSIX_C_SOURCE 200809L
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/entropy.h>
#include <mbedtls/md.h>
#include <mbedtls/net_sockets.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORED = 1024, AT_ONCE = 16, TX = 256, MESSAGE = AT_ONCE * (2 * TX + 3) + 256, PATIENCE_MS = 10000 };
#define CHECK(call) if (call) { fprintf(stderr, "failed: %s\n", #call); exit(1); } else (void)0

#define REQUEST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"meter.%s\",\"params\":{\"shard\":\"%.64s\",\"%s"

struct sample { uint64_t counter, start_s, end_s, import_wh, export_wh; };
static struct { uint64_t taken, last, count; struct sample kept[STORED]; } state;
static const char *host, *port, *chain_id, *state_path;
static unsigned char public_key[33], meter_id[16];
static mbedtls_ecp_group curve; static mbedtls_mpi private_key; static mbedtls_ctr_drbg_context chance;

#define sha256(data, size, out) CHECK(mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (data), (size), (out)))

/* sha256(T || T || C || data), with T the hash of the tag and C that of the chain's id */
static void tagged_hash(const char *tag, const char *chain, const void *data, size_t size, unsigned char *out) {
    unsigned char all[96 + TX];
    sha256((const unsigned char *)tag, strlen(tag), all); memcpy(all + 32, all, 32);
    sha256((const unsigned char *)chain, strlen(chain), all + 64); memcpy(all + 96, data, size);
    sha256(all, 96 + size, out);
}

/* canonical MessagePack: every number in its shortest form */
static unsigned char *put_uint(unsigned char *at, uint64_t value) {
    int bytes = value > UINT32_MAX ? 8 : value > UINT16_MAX ? 4 : value > UINT8_MAX ? 2 : 1;
    if (value > 127) *at++ = bytes == 8 ? 0xcf : bytes == 4 ? 0xce : bytes == 2 ? 0xcd : 0xcc;
    while (bytes--) *at++ = (unsigned char)(value >> 8 * bytes);
    return at;
}

static unsigned char *put_bytes(unsigned char *at, const void *data, unsigned char size) {
    *at++ = 0xc4; *at++ = size;
    return (unsigned char *)memcpy(at, data, size) + size;
}

/* the signed transaction of a reading that follows the one of that counter, in hexadecimal; its length */
static size_t sign(const struct sample *one, uint64_t previous, char *out) {
    const uint64_t numbers[] = { one->counter, previous, one->start_s, one->end_s, one->import_wh, one->export_wh };
    unsigned char hash[32], signature[64], tx[TX] = { 0x92, 0x9c, 2 }, *body = tx + 1, *at = tx + 3;
    /* [body, witnesses], where the body is an array of tag 2, a reading's, and its 11 fields */
    at = put_bytes(at, meter_id, sizeof meter_id);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) at = put_uint(at, numbers[i]);
    memcpy(at, "\xc0\xc0\xc0\0", 4); at += 4;            /* no voltage, frequency, power factor; quality 0 */
    tagged_hash("tx", chain_id, body, (size_t)(at - body), hash);
    mbedtls_mpi r, s; mbedtls_mpi_init(&r); mbedtls_mpi_init(&s);
    /* RFC 6979: no bad random number gives the key away, and the same reading is the same bytes.
     * Of the two S that verify this gives either; the node takes both from meters. */
    CHECK(mbedtls_ecdsa_sign_det_ext(&curve, &r, &s, &private_key, hash, sizeof hash, MBEDTLS_MD_SHA256,
                                     mbedtls_ctr_drbg_random, &chance));
    CHECK(mbedtls_mpi_write_binary(&r, signature, 32)); CHECK(mbedtls_mpi_write_binary(&s, signature + 32, 32));
    mbedtls_mpi_free(&r); mbedtls_mpi_free(&s);
    *at++ = 0x91; *at++ = 0x92;                           /* one witness: its key and its signature */
    at = put_bytes(put_bytes(at, public_key, sizeof public_key), signature, sizeof signature);
    for (unsigned char *byte = tx; byte < at; byte++) out += sprintf(out, "%02x", *byte);
    return (size_t)(at - tx) * 2;
}

/* the store is written whole beside itself and renamed: a power cut leaves the old or the new one */
static void save(uint64_t forgotten) {
    state.count -= forgotten;
    memmove(state.kept, state.kept + forgotten, state.count * sizeof *state.kept);
    char beside[4096]; snprintf(beside, sizeof beside, "%s.new", state_path);
    FILE *file = fopen(beside, "wb");
    if (!file || fwrite(&state, sizeof state, 1, file) != 1 || fflush(file) || fsync(fileno(file))
        || fclose(file) || rename(beside, state_path)) { perror(state_path); exit(1); }
}

/* all of it out, or all of it in, within PATIENCE_MS; zero if so */
static int move(mbedtls_net_context *net, int out, void *data, size_t size) {
    for (unsigned char *at = data; size; ) {
        int moved = out ? mbedtls_net_send(net, at, size) : mbedtls_net_recv_timeout(net, at, size, PATIENCE_MS);
        if (moved <= 0) return -1;
        at += moved; size -= (size_t)moved;
    }
    return 0;
}

/* RFC 6455. The key is the RFC's own example, for it protects nothing but against a cache that answers
 * in the server's place, and a meter does well without SHA-1. */
static int open_websocket(mbedtls_net_context *net) {
    char line[1024]; size_t used = 0;
    int length = snprintf(line, sizeof line, "GET / HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", host, port);
    if (length >= (int)sizeof line || move(net, 1, line, (size_t)length)) return -1;
    do if (used + 1 >= sizeof line || move(net, 0, line + used, 1)) return -1;
    while (++used < 4 || memcmp(line + used - 4, "\r\n\r\n", 4));
    line[used] = 0;
    return strncmp(line, "HTTP/1.1 101", 12) || !strstr(line, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") ? -1 : 0;
}

/* one request, one answer: a masked text frame out, the next text frame in */
static int call(mbedtls_net_context *net, char *message, size_t size) {
    unsigned char head[8] = { 0x81, 0xfe, (unsigned char)(size >> 8), (unsigned char)size }, *mask = head + 4;
    CHECK(mbedtls_ctr_drbg_random(&chance, mask, 4));
    for (size_t i = 0; i < size; i++) message[i] ^= (char)mask[i % 4];
    if (size < 126 || size > UINT16_MAX || move(net, 1, head, 8) || move(net, 1, message, size)) return -1;
    do {                                                  /* pings are passed over */
        if (move(net, 0, head, 2) || (head[1] == 126 && move(net, 0, head + 2, 2))) return -1;
        size = head[1] == 126 ? (size_t)head[2] << 8 | head[3] : head[1];
        if (size >= MESSAGE || move(net, 0, message, size)) return -1;
        message[size] = 0;
    } while (head[0] & 8);
    return head[0] == 0x81 ? 0 : -1;
}

/* The chain's count and ours have parted: go on from the chain's, so that the next reading names the one
 * that it really follows. Where the store was lost we count anew, one ahead: that declares a gap. */
static int resume(mbedtls_net_context *net, char *message) {
    size_t size = (size_t)sprintf(message, REQUEST, "get", strchr(chain_id, '/') + 1, "meter\":\"");
    for (size_t i = 0; i < sizeof meter_id; i++) size += (size_t)sprintf(message + size, "%02x", meter_id[i]);
    size += (size_t)sprintf(message + size, "\"}}%126s", "");     /* blanks: a short frame has another head */
    const char *at = call(net, message, size) ? NULL : strstr(message, "\"counter\":");
    if (!at) return -1;
    state.taken = strtoull(at + 10, NULL, 10);
    if (state.kept[0].counter <= state.taken + 1)
        for (uint64_t i = 0; i < state.count; i++) state.last = state.kept[i].counter = state.taken + 2 + i;
    return save(0), 0;
}

/* Deliver what waits, oldest first. The answer has a verdict for each reading, in order: what is accepted
 * or a duplicate is the node's now; what can never be taken is let go, and the reading after it declares
 * the gap by naming the last one that was taken. Zero if nothing is to be retried. */
static int deliver(void) {
    static const char *later[] = { "undeclared_gap", "out_of_order", "replayed", "pool_full", "no_work",
                                   "unregistered_meter", "reading_in_future" };
    enum { PARTED = 3, LATER = sizeof later / sizeof *later };
    static char message[MESSAGE];
    mbedtls_net_context net; mbedtls_net_init(&net);
    int failed = mbedtls_net_connect(&net, host, port, MBEDTLS_NET_PROTO_TCP) || open_websocket(&net);
    while (!failed && state.count) {
        uint64_t previous = state.taken, sent = state.count < AT_ONCE ? state.count : AT_ONCE, done = 0;
        size_t size = (size_t)sprintf(message, REQUEST, "submit", strchr(chain_id, '/') + 1, "readings\":[");
        for (uint64_t i = 0; i < sent; previous = state.kept[i++].counter) {
            message[size++] = '"';
            size += sign(&state.kept[i], previous, message + size);
            size += (size_t)sprintf(message + size, i + 1 < sent ? "\"," : "\"]}}");
        }
        const char *reason = NULL, *at = call(&net, message, size) ? NULL : message;
        for (; at && !reason && done < sent && (at = strstr(at, "\"status\":\"")); at++)
            if (!strncmp(at + 10, "rejected", 8)) reason = strstr(at, "\"reason\":\"");
            else state.taken = state.kept[done++].counter;
        failed = !done && !reason;                        /* no answer, or an error */
        if (reason) fprintf(stderr, "counter %" PRIu64 ": %.200s\n", state.kept[done].counter, reason += 10);
        size_t why = 0;
        while (reason && why < LATER && strncmp(reason, later[why], strlen(later[why]))) why++;
        save(done + (reason && why == LATER));
        if (reason && why < LATER) failed = why >= PARTED || resume(&net, message) || !done;
    }
    mbedtls_net_free(&net);
    return failed;
}

static void read_key(const char *path) {
    char hex[65] = ""; unsigned char hash[32]; size_t size; mbedtls_ecp_point point;
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%64s", hex) != 1 || fclose(file)) { perror(path); exit(1); }
    mbedtls_ecp_group_init(&curve); mbedtls_mpi_init(&private_key); mbedtls_ecp_point_init(&point);
    CHECK(mbedtls_ecp_group_load(&curve, MBEDTLS_ECP_DP_SECP256K1) || mbedtls_mpi_read_string(&private_key, 16, hex));
    CHECK(mbedtls_ecp_mul(&curve, &point, &private_key, &curve.G, mbedtls_ctr_drbg_random, &chance));
    CHECK(mbedtls_ecp_point_write_binary(&curve, &point, MBEDTLS_ECP_PF_COMPRESSED, &size, public_key, 33));
    tagged_hash("meter-id", "", public_key, sizeof public_key, hash);
    memcpy(meter_id, hash, sizeof meter_id);              /* the usual id: a utility may give another */
}

int main(int argc, char **argv) {
    if (argc != 6 || !strchr(argv[3], '/')) return fputs("meter HOST PORT CHAIN_ID KEY_FILE STATE_FILE\n", stderr), 2;
    host = argv[1]; port = argv[2]; chain_id = argv[3]; state_path = argv[5];
    mbedtls_entropy_context entropy; mbedtls_entropy_init(&entropy); mbedtls_ctr_drbg_init(&chance);
    CHECK(mbedtls_ctr_drbg_seed(&chance, mbedtls_entropy_func, &entropy, NULL, 0));
    read_key(argv[4]); setvbuf(stdin, NULL, _IONBF, 0);
    FILE *file = fopen(state_path, "rb");
    if (file && (fread(&state, sizeof state, 1, file) != 1 || fclose(file))) return fputs("torn state\n", stderr), 1;
    for (int open = 1, wait_ms = 0; open || state.count; ) {
        struct sample one = { 0 }; struct pollfd input = { .fd = open ? 0 : -1, .events = POLLIN }; char line[128];
        if (poll(&input, 1, state.count ? wait_ms : -1) > 0) {
            open = fgets(line, sizeof line, stdin) != NULL;
            if (!open || sscanf(line, "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64, &one.start_s, &one.end_s,
                                &one.import_wh, &one.export_wh) != 4) continue;
            if (state.count == STORED) save(1);           /* the registers still hold its energy */
            one.counter = ++state.last; state.kept[state.count++] = one;
            save(0);
        } else wait_ms = !deliver() ? 0 : wait_ms < 250 ? 250 : wait_ms < 30000 ? 2 * wait_ms : 60000;
    }
    return 0;
}
