import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folders of the machine that the deployment document names. */
const folders = [
  'etc/countersign',
  'etc/systemd/system',
  'opt/countersign',
  'var/cache/countersign-gateway',
  'var/lib/countersign',
  'var/backups/countersign',
]
const files = ['usr/local/bin/countersign']
const named = new RegExp(`(?<![\\w./-])/(?=(?:${[...folders, ...files].join('|')})\\b)`, 'g')

/**
 * A simulated machine in a folder, for commands that are meant for a whole machine: its folders are below that one, `systemctl` starts and
 * stops the commands of the units, and no command switches users.
 */
export function createMachine(root) {
  const commands = join(root, 'commands')
  const started = join(root, 'started')
  const within = (text) => text.replaceAll(named, `${root}/`)
  for (const path of [
    commands,
    ...['etc/systemd/system', 'opt', 'var/lib', 'var/backups', 'usr/local/bin'].map((each) => join(root, each)),
  ])
    mkdirSync(path, { recursive: true })
  writeFileSync(started, '')
  const scripts = {
    useradd: '',
    chgrp: '',
    install: installScript,
    runuser: '[ "$1 $2 $3" = "-u countersign --" ] || exit 1\nshift 3\nexec "$@"',
    systemctl: systemctlScript,
  }
  const settings = [
    `units=${join(root, 'etc/systemd/system')}`,
    `root=${root}`,
    `started=${started}`,
    `node=${process.execPath}`,
  ]
  for (const [name, script] of Object.entries(scripts)) {
    const text = ['#!/usr/bin/env bash', 'set -euo pipefail', ...settings, script, ''].join('\n')
    writeFileSync(join(commands, name), text, { mode: 0o755 })
  }
  return {
    /** The folder that is searched for commands first. */
    path: [commands, join(root, 'usr/local/bin')],
    /** A text in which paths are replaced by the simulated machine's own paths. */
    within,
    /** Ends all services that are still running. */
    stop() {
      for (const pid of readFileSync(started, 'utf8').split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid))
        } catch (error) {
          if (error.code !== 'ESRCH') throw error
        }
      }
    },
  }
}

/** Ignores owner and group, because there is only one of each here. */
const installScript = `
args=()
while [ $# -gt 0 ]; do
  case "$1" in -o | -g) shift ;; *) args+=("$1") ;; esac
  shift
done
exec /usr/bin/install "\${args[@]}"`

/** The parts of a unit that work without systemd: its command, environment, folder and umask. */
const systemctlScript = `
valueOf() {
  local paths='${[...folders, ...files].join('|')}'
  sed -En "s/^$2=//p" "$units/$1" | sed -E "s#(^|[^A-Za-z0-9_./-])/($paths)#\\\\1$root/\\\\2#g; s#/usr/bin/node#$node#; s#%%#%#g"
}
start() {
  local cache=$(valueOf "$1" CacheDirectory)
  [ -z "$cache" ] || mkdir -p "$root/var/cache/$cache"
  cd "$(valueOf "$1" WorkingDirectory)"
  umask "$(valueOf "$1" UMask)"
  export $(valueOf "$1" Environment) PWD
  if [ "$(valueOf "$1" Type)" = oneshot ]; then
    sh -c "$(valueOf "$1" ExecStart)"
    sh -fc "$(valueOf "$1" ExecStartPost)"
    return
  fi
  setsid sh -c "exec $(valueOf "$1" ExecStart)" </dev/null >>"$started.log" 2>&1 3>&- &
  echo $! >>"$started"
}
stop() {
  local pid
  while read -r pid; do
    kill "$pid"
    for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    ! kill -0 "$pid" 2>/dev/null
  done <"$started"
  : >"$started"
}
command=$1
shift
[ "$command" != daemon-reload ] || exit 0
[ "$1" != --now ] || shift
for unit in "$@"; do
  [ -f "$units/$unit" ] || { echo "there is no unit $unit" >&2; exit 1; }
  case "$command $unit" in
    "enable "*.timer) ;;
    "enable "* | "start "*) start "$unit" ;;
    "stop countersign.service") stop ;;
    "restart countersign.service") stop; start "$unit" ;;
    *) echo "$command $unit cannot be done here" >&2; exit 1 ;;
  esac
done`
