using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
  bindings = [
    (name = "ID", fromEnvironment = "ID"),
    (name = "AUTH_SERVER", fromEnvironment = "AUTH_SERVER"),
    (name = "KEY", fromEnvironment = "KEY"),
  ],
);
