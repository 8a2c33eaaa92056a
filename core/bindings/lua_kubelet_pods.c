#include "bindings/lua_kubelet_pods.h"

#include "bindings/lua_util.h"

#define NANOCORES_PER_PERCENT 1e7

/* ---- Values ---- */

static void set_time(lua_State *L, const char *key, int64_t time_ns)
{
  int64_t time_s = time_ns / 1000000000;

  if (time_s != 0)
    mw_lua_set_number(L, key, (double)time_s);
}

static void set_answer(lua_State *L, const char *key, enum mw_kubelet_answer answer)
{
  if (answer != MW_KUBELET_UNKNOWN)
    mw_lua_set_boolean(L, key, answer == MW_KUBELET_YES);
}

static void set_integer(lua_State *L, const char *key, struct mw_kubelet_integer number)
{
  if (number.known)
    mw_lua_set_number(L, key, (double)number.value);
}

static void set_resources(lua_State *L, const char *cpu_key, const char *memory_key,
                          const struct mw_kubelet_resources *resources)
{
  if (resources->cpu_nanocores.known)
    mw_lua_set_number(L, cpu_key, (double)resources->cpu_nanocores.value / NANOCORES_PER_PERCENT);
  if (resources->memory_bytes.known)
    mw_lua_set_number(L, memory_key, (double)resources->memory_bytes.value);
}

/* Set field @p key of the table below it to the table on top of the stack, unless it is empty. */
static void set_unless_empty(lua_State *L, const char *key)
{
  lua_pushnil(L);
  if (lua_next(L, -2)) {
    lua_pop(L, 2);
    lua_setfield(L, -2, key);
  } else {
    lua_pop(L, 1);
  }
}

static void set_map(lua_State *L, const char *key, const struct mw_kubelet_pair *pair)
{
  lua_newtable(L);
  for (; pair; pair = pair->next) {
    lua_pushstring(L, pair->value ? pair->value : "");
    lua_setfield(L, -2, pair->key);
  }
  set_unless_empty(L, key);
}

/* ---- Containers ---- */

static void set_ports(lua_State *L, const struct mw_kubelet_port *port)
{
  int count = 0;

  lua_newtable(L);
  for (; port; port = port->next) {
    if (!port->number.known || port->number.value < 1 || port->number.value > UINT16_MAX)
      continue;
    lua_createtable(L, 0, 4);
    set_integer(L, "port", port->number);
    if (port->host_number.value > 0 && port->host_number.value <= UINT16_MAX)
      set_integer(L, "host_port", port->host_number);
    mw_lua_set_text(L, "name", port->name);
    mw_lua_set_text(L, "protocol", port->protocol);
    lua_rawseti(L, -2, ++count);
  }
  set_unless_empty(L, "ports");
}

static void set_variables(lua_State *L, const struct mw_kubelet_variable *variable)
{
  int count = 0;

  lua_newtable(L);
  for (; variable; variable = variable->next) {
    lua_createtable(L, 0, 2);
    mw_lua_set_text(L, "name", variable->name);
    if (!variable->from_reference) {
      lua_pushstring(L, variable->value ? variable->value : "");
      lua_setfield(L, -2, "value");
    }
    lua_rawseti(L, -2, ++count);
  }
  set_unless_empty(L, "variables");
}

static void set_spec(lua_State *L, const struct mw_kubelet_container_spec *spec)
{
  set_resources(L, "cpu_request_percent", "memory_request_bytes", &spec->requests);
  set_resources(L, "cpu_limit_percent", "memory_limit_bytes", &spec->limits);
  set_ports(L, spec->ports);
  set_variables(L, spec->env);
}

static void set_state(lua_State *L, const struct mw_kubelet_state *state)
{
  static const char *const names[] = {
      [MW_KUBELET_RUNNING] = "running", [MW_KUBELET_TERMINATED] = "stopped"};

  if (state->kind == MW_KUBELET_RUNNING || state->kind == MW_KUBELET_TERMINATED)
    mw_lua_set_text(L, "state", names[state->kind]);
  set_time(L, "started_s", state->started_ns);
  set_time(L, "finished_s", state->finished_ns);
  set_integer(L, "exit_code", state->exit_code);
  mw_lua_set_text(L, "reason", state->reason);
}

static void push_container(lua_State *L, enum mw_kubelet_container_kind kind,
                           const struct mw_kubelet_container_status *status)
{
  static const char *const kinds[] = {[MW_KUBELET_INIT] = "init",
                                      [MW_KUBELET_REGULAR] = "regular",
                                      [MW_KUBELET_EPHEMERAL] = "ephemeral"};

  lua_createtable(L, 0, 16);
  mw_lua_set_text(L, "id", status->id);
  mw_lua_set_text(L, "kind", kinds[kind]);
  mw_lua_set_text(L, "runtime", status->runtime);
  mw_lua_set_text(L, "name", status->name);
  mw_lua_set_text(L, "image", status->image);
  mw_lua_set_text(L, "image_id", status->image_id);
  mw_lua_set_text(L, "repo_digest", status->repo_digest);
  set_state(L, &status->state);
  set_integer(L, "restarts_count", status->restarts_count);
  set_answer(L, "ready", status->ready);
  if (status->spec)
    set_spec(L, status->spec);
}

static void set_containers(lua_State *L, const struct mw_kubelet_pod *pod)
{
  int count = 0;

  lua_newtable(L);
  for (int kind = 0; kind < MW_KUBELET_CONTAINER_KIND_COUNT; kind++) {
    const struct mw_kubelet_container_status *status = pod->statuses[kind];
    for (; status; status = status->next) {
      push_container(L, (enum mw_kubelet_container_kind)kind, status);
      lua_rawseti(L, -2, ++count);
    }
  }
  lua_setfield(L, -2, "containers");
}

/* ---- Pods ---- */

static void set_owners(lua_State *L, const struct mw_kubelet_owner *owner)
{
  int count = 0;

  lua_newtable(L);
  for (; owner; owner = owner->next) {
    lua_createtable(L, 0, 4);
    mw_lua_set_text(L, "kind", owner->kind);
    mw_lua_set_text(L, "name", owner->name);
    mw_lua_set_text(L, "uid", owner->uid);
    set_answer(L, "controller", owner->controller);
    lua_rawseti(L, -2, ++count);
  }
  set_unless_empty(L, "owners");
}

/* The main address first, and none twice. */
static void set_ips(lua_State *L, const struct mw_kubelet_pod *pod)
{
  int count = 0;

  lua_newtable(L);
  if (pod->ip) {
    lua_pushstring(L, pod->ip);
    lua_rawseti(L, -2, ++count);
  }
  for (const struct mw_kubelet_address *address = pod->ips; address; address = address->next) {
    if (pod->ip && strcmp(address->ip, pod->ip) == 0)
      continue;
    lua_pushstring(L, address->ip);
    lua_rawseti(L, -2, ++count);
  }
  set_unless_empty(L, "ips");
}

static void set_texts(lua_State *L, const struct mw_kubelet_pod *pod)
{
  mw_lua_set_text(L, "uid", pod->local_uid ? pod->local_uid : pod->uid);
  if (pod->uid && pod->local_uid && strcmp(pod->uid, pod->local_uid) != 0)
    mw_lua_set_text(L, "mirror_uid", pod->uid);
  mw_lua_set_text(L, "name", pod->name);
  mw_lua_set_text(L, "namespace", pod->namespace_);
  mw_lua_set_text(L, "phase", pod->phase);
  mw_lua_set_text(L, "reason", pod->reason);
  mw_lua_set_text(L, "qos_class", pod->qos_class);
  mw_lua_set_text(L, "priority_class", pod->priority_class);
  mw_lua_set_text(L, "runtime_class", pod->runtime_class);
  mw_lua_set_text(L, "service_account", pod->service_account);
  mw_lua_set_text(L, "node_name", pod->node_name);
  mw_lua_set_text(L, "host_ip", pod->host_ip);
}

static void push_pod(lua_State *L, const struct mw_kubelet_pod *pod)
{
  lua_createtable(L, 0, 24);
  set_texts(L, pod);
  set_time(L, "created_s", pod->created_ns);
  set_time(L, "started_s", pod->started_ns);
  set_time(L, "deleted_s", pod->deleted_ns);
  mw_lua_set_boolean(L, "host_network", pod->host_network == MW_KUBELET_YES);
  mw_lua_set_boolean(L, "static", pod->is_static);
  mw_lua_set_boolean(L, "ready", pod->is_ready);
  set_map(L, "labels", pod->labels);
  set_map(L, "annotations", pod->annotations);
  set_owners(L, pod->owners);
  set_ips(L, pod);
  set_containers(L, pod);
}

void mw_lua_push_kubelet_pods(lua_State *L, const struct mw_kubelet_pods *pods)
{
  int count = 0;

  luaL_checkstack(L, 16, "a list of pods");
  lua_createtable(L, (int)pods->count, 0);
  for (const struct mw_kubelet_pod *pod = pods->pods; pod; pod = pod->next) {
    push_pod(L, pod);
    lua_rawseti(L, -2, ++count);
  }
}
