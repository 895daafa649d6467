/* NVML's names, answered from a script: the driver of a machine that is not there.
 *
 * A script is lines "SECONDS COMMAND ARGUMENTS", in the order of time. Each holds from its time on;
 * fake_time() says what time it is, and time never goes back. Written for tests: it checks nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPUS 16
#define PIDS 32
#define LINES 65536
#define WORDS 64
#define API __attribute__((visibility("default")))

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_FOUND = 6, TOO_SMALL = 7, NOT_LOADED = 9,
       TIMEOUT = 10, GPU_LOST = 15 };

typedef unsigned int uint;
typedef unsigned long long ull;
typedef struct { uint pid; ull memory; uint gpu_instance, compute_instance; } process;
typedef struct { void *device; ull type, data; uint gpu_instance, compute_instance; } event;
typedef struct { uint count; process all[PIDS]; } processes;

static struct gpu {
    char name[96];
    int lost;
    processes contexts, mps;
    uint busy, memory_busy, mig, power_limit, power_default, pending, failed, watched;
    ull memory, energy, reasons, power_ns, thermal_ns, corrected, uncorrected;
} gpu[GPUS];

static struct { char function[64]; int code; } failing[WORDS];
static struct { int gpu; ull code; } told[WORDS];
static char *line[LINES];
static int lines, next_line, gpus, stale, absent, fails, xids, initialised;
static double now;

static void fail(const char *function, int code) {
    for (int i = 0; i < fails; i++)
        if (!strcmp(failing[i].function, function)) { failing[i].code = code; return; }
    strncpy(failing[fails].function, function, 63);
    failing[fails++].code = code;
}

static void list(processes *into, char **word, int words) {
    into->count = 0;
    for (int i = 0; i < words; i++, into->count++) {
        process one = { 0, 0, ~0u, ~0u };
        sscanf(word[i], "%u:%llu", &one.pid, &one.memory);
        into->all[into->count] = one;
    }
}

static void obey(char *text) {
    char *word[WORDS], *state = NULL;
    int words = 0;
    for (char *w = strtok_r(text, " \n", &state); w && words < WORDS; w = strtok_r(NULL, " \n", &state))
        word[words++] = w;
    if (!words) return;
    char *what = word[0];
    struct gpu *g = words > 1 ? &gpu[atoi(word[1]) % GPUS] : gpu;
#define NUMBER(i) (words > (i) ? strtoull(word[i], NULL, 10) : 0)
    if (!strcmp(what, "gpus")) gpus = NUMBER(1);
    else if (!strcmp(what, "absent")) absent = stale = 1;
    else if (!strcmp(what, "present")) absent = 0;
    else if (!strcmp(what, "fail")) fail(word[1], NUMBER(2));
    else if (!strcmp(what, "lost")) g->lost = NUMBER(2);
    else if (!strcmp(what, "name")) {
        g->name[0] = 0;
        for (int i = 2; i < words; i++) { strcat(g->name, i > 2 ? " " : ""); strcat(g->name, word[i]); }
    }
    else if (!strcmp(what, "contexts")) list(&g->contexts, word + 2, words - 2);
    else if (!strcmp(what, "mps")) list(&g->mps, word + 2, words - 2);
    else if (!strcmp(what, "busy")) { g->busy = NUMBER(2); g->memory_busy = NUMBER(3); }
    else if (!strcmp(what, "memory")) g->memory = NUMBER(2);
    else if (!strcmp(what, "energy")) g->energy = NUMBER(2);
    else if (!strcmp(what, "reasons")) g->reasons = NUMBER(2);
    else if (!strcmp(what, "power_ns")) g->power_ns = NUMBER(2);
    else if (!strcmp(what, "thermal_ns")) g->thermal_ns = NUMBER(2);
    else if (!strcmp(what, "ecc")) { g->corrected = NUMBER(2); g->uncorrected = NUMBER(3); }
    else if (!strcmp(what, "rows")) { g->pending = NUMBER(2); g->failed = NUMBER(3); }
    else if (!strcmp(what, "mig")) g->mig = NUMBER(2);
    else if (!strcmp(what, "limit")) { g->power_limit = NUMBER(2); g->power_default = NUMBER(3); }
    else if (!strcmp(what, "xid")) { told[xids].gpu = atoi(word[1]); told[xids++].code = NUMBER(2); }
    else { fprintf(stderr, "fake NVML: what is %s?\n", what); abort(); }
}

API void fake_script(const char *path) {
    char text[4096];
    FILE *file = fopen(path, "r");
    memset(gpu, 0, sizeof gpu);
    lines = next_line = gpus = stale = absent = fails = xids = initialised = 0;
    while (file && lines < LINES && fgets(text, sizeof text, file)) line[lines++] = strdup(text);
    if (file) fclose(file);
    now = -1;
}

API void fake_time(double seconds) {
    for (now = seconds; next_line < lines; next_line++) {
        char *rest;
        if (strtod(line[next_line], &rest) > now) return;
        obey(rest);
        free(line[next_line]);
    }
}

/* Every answer passes here: is the driver there, the card, and the function? */
static int refused(const char *function, struct gpu *g) {
    if (stale || !initialised) return UNINITIALIZED;
    for (int i = 0; i < fails; i++)
        if (!strcmp(failing[i].function, function) && failing[i].code) return failing[i].code;
    return g && g->lost ? GPU_LOST : OK;
}
#define ASK(g) do { int no = refused(__func__, g); if (no) return no; } while (0)

API int nvmlInitWithFlags(uint flags) {
    (void)flags;
    if (absent) return NOT_LOADED;
    stale = 0;
    initialised++;
    return OK;
}
API int nvmlShutdown(void) {
    if (!initialised) return UNINITIALIZED;
    initialised--;
    return OK;
}
API const char *nvmlErrorString(int code) { (void)code; return "as the script says"; }
API int nvmlSystemGetDriverVersion(char *to, uint n) { ASK(NULL); snprintf(to, n, "999.0"); return OK; }
API int nvmlSystemGetNVMLVersion(char *to, uint n) { ASK(NULL); snprintf(to, n, "13.999.0"); return OK; }
API int nvmlSystemGetCudaDriverVersion_v2(int *to) { ASK(NULL); *to = 13000; return OK; }
API int nvmlDeviceGetCount_v2(uint *to) { ASK(NULL); *to = gpus; return OK; }
API int nvmlDeviceGetHandleByIndex_v2(uint index, void **to) {
    ASK(NULL);
    if ((int)index >= gpus) return INVALID;
    *to = &gpu[index];
    return OK;
}
API int nvmlDeviceGetHandleByUUID(const char *uuid, void **to) {
    ASK(NULL);
    int index = atoi(uuid + strlen("GPU-"));
    if (index >= gpus) return NOT_FOUND;
    *to = &gpu[index];
    return OK;
}
API int nvmlDeviceGetName(struct gpu *g, char *to, uint n) { ASK(g); snprintf(to, n, "%s", g->name); return OK; }
API int nvmlDeviceGetUUID(struct gpu *g, char *to, uint n) { ASK(g); snprintf(to, n, "GPU-%d", (int)(g - gpu)); return OK; }
API int nvmlDeviceGetPersistenceMode(struct gpu *g, uint *to) { ASK(g); *to = 1; return OK; }
API int nvmlDeviceGetComputeMode(struct gpu *g, uint *to) { ASK(g); *to = 0; return OK; }
API int nvmlDeviceGetEnforcedPowerLimit(struct gpu *g, uint *to) { ASK(g); *to = g->power_limit; return OK; }
API int nvmlDeviceGetPowerManagementDefaultLimit(struct gpu *g, uint *to) { ASK(g); *to = g->power_default; return OK; }
API int nvmlDeviceGetPowerUsage(struct gpu *g, uint *to) { ASK(g); *to = g->busy ? 600000 : 80000; return OK; }
API int nvmlDeviceGetMemoryInfo(struct gpu *g, ull *to) {
    ASK(g);
    to[0] = 85ull << 30; to[1] = to[0] - g->memory; to[2] = g->memory;
    return OK;
}
API int nvmlDeviceGetMaxClockInfo(struct gpu *g, uint kind, uint *to) { ASK(g); (void)kind; *to = 1980; return OK; }
API int nvmlDeviceGetClockInfo(struct gpu *g, uint kind, uint *to) { ASK(g); *to = kind ? 1700 : 1980; return OK; }
API int nvmlDeviceGetTemperature(struct gpu *g, uint kind, uint *to) { ASK(g); (void)kind; *to = 50; return OK; }
API int nvmlDeviceGetEccMode(struct gpu *g, uint *a, uint *b) { ASK(g); *a = *b = 1; return OK; }
API int nvmlDeviceGetUtilizationRates(struct gpu *g, uint *to) { ASK(g); to[0] = g->busy; to[1] = g->memory_busy; return OK; }
API int nvmlDeviceGetTotalEnergyConsumption(struct gpu *g, ull *to) { ASK(g); *to = g->energy; return OK; }
API int nvmlDeviceGetCurrentClocksThrottleReasons(struct gpu *g, ull *to) { ASK(g); *to = g->reasons; return OK; }
API int nvmlDeviceGetTotalEccErrors(struct gpu *g, uint kind, uint counter, ull *to) {
    ASK(g);
    (void)counter;
    *to = kind ? g->uncorrected : g->corrected;
    return OK;
}

/* What an old driver does not have. */
#ifndef OLD
static int answer(processes *from, uint *count, process *to) {
    uint room = *count;
    *count = from->count;
    if (!from->count) return OK;
    if (!to || room < from->count) return TOO_SMALL;
    memcpy(to, from->all, from->count * sizeof *to);
    return OK;
}
API int nvmlDeviceGetComputeRunningProcesses_v3(struct gpu *g, uint *n, process *to) { ASK(g); return answer(&g->contexts, n, to); }
API int nvmlDeviceGetMPSComputeRunningProcesses_v3(struct gpu *g, uint *n, process *to) { ASK(g); return answer(&g->mps, n, to); }
API int nvmlDeviceGetMigMode(struct gpu *g, uint *a, uint *b) { ASK(g); *a = *b = g->mig; return OK; }
API int nvmlDeviceGetViolationStatus(struct gpu *g, uint policy, ull *to) {
    ASK(g);
    to[0] = now * 1e6;
    to[1] = policy ? g->thermal_ns : g->power_ns;
    return OK;
}
API int nvmlDeviceGetRemappedRows(struct gpu *g, uint *c, uint *u, uint *p, uint *f) {
    ASK(g);
    *c = *u = 0; *p = g->pending; *f = g->failed;
    return OK;
}
API int nvmlEventSetCreate(void **to) { ASK(NULL); *to = told; return OK; }
API int nvmlDeviceRegisterEvents(struct gpu *g, ull types, void *set) { ASK(g); (void)types; (void)set; g->watched = 1; return OK; }
API int nvmlEventSetWait_v2(void *set, event *to, uint milliseconds) {
    ASK(NULL);
    (void)set; (void)milliseconds;
    while (xids) {
        struct gpu *g = &gpu[told[--xids].gpu];
        if (!g->watched) continue;
        event one = { g, 8, told[xids].code, ~0u, ~0u };
        *to = one;
        return OK;
    }
    return TIMEOUT;
}
API int nvmlEventSetFree(void *set) { (void)set; return OK; }
#endif
