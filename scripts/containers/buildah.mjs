import { execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/**
 * Builds and runs images with buildah, which keeps everything in the folder. Chroot isolation needs no daemon. Containers share the processes and
 * the network of the machine, so each port is a port of the machine.
 */
export function createBuildah(folder) {
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run')]
  /** By default, buildah sets limits that are higher than those that this machine may set. */
  const limits = ['nofile', 'nproc'].flatMap((name) => ['--ulimit', `${name}=${limitOf(name)}`])
  /** A proxy may terminate TLS with its own certificate authority, which the build must trust. */
  const authority = process.env.NODE_EXTRA_CA_CERTS
  const trust = authority
    ? ['--volume', `${authority}:/run/authority.pem:ro`, '--build-arg', 'NODE_EXTRA_CA_CERTS=/run/authority.pem']
    : []
  const running = new Set()

  async function buildah(command, ...args) {
    const { stdout } = await execute('buildah', [...storage, command, ...args], { maxBuffer: 2 ** 26 })
    return stdout.trim()
  }

  return {
    /** Makes a slim Debian 13 image from packages, like the one that the Containerfile names. */
    async makeBase(name) {
      const container = await buildah('from', 'scratch')
      const root = await buildah('mount', container)
      await execute('mmdebstrap', [
        '--quiet',
        '--variant=minbase',
        '--dpkgopt=path-exclude=/usr/share/doc/*',
        'trixie',
        root,
      ])
      await buildah('umount', container)
      await buildah('commit', '--quiet', '--rm', container, name)
    },

    build(target, { base, tag }) {
      const settings = ['--isolation', 'chroot', '--format', 'docker', '--layers', '--build-arg', `BASE=${base}`]
      const file = ['--target', target, '--tag', tag, '--file', 'containers/Containerfile', '.']
      return buildah('build', '--quiet', ...limits, ...settings, ...trust, ...file)
    },

    /** Creates a container, as `podman create` does, from what the image specifies. */
    async create(image, { env = {}, volumes = [] }) {
      const container = await buildah('from', ...limits, image)
      const { config } = JSON.parse(await buildah('inspect', container)).Docker
      const settings = [
        ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
        ...volumes.flatMap((volume) => ['--volume', volume]),
      ]
      const run = ['run', '--isolation', 'chroot', ...settings, container, '--']

      return {
        config,
        /** Runs a program of the image. */
        run: (...command) => buildah(...run, ...command),
        /** Runs a command of countersign: the entry point with other arguments. */
        command: (...args) => buildah(...run, ...config.Entrypoint, ...args),
        /** Runs the health check. */
        checkHealth: () => buildah(...run, ...config.Healthcheck.Test.slice(1)),
        /** Starts what the image starts. */
        start() {
          const child = spawn('buildah', [...storage, ...run, ...config.Entrypoint, ...config.Cmd])
          const output = []
          const done = new Promise((resolve) => child.on('close', resolve))
          child.on('close', () => running.delete(started))
          for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk))
          const started = {
            output: () => Buffer.concat(output).toString(),
            /** Sends a signal to the program, and returns its exit status. */
            async stop(signal = 'SIGTERM') {
              for (const pid of leavesOf(child.pid)) process.kill(pid, signal)
              return done
            },
          }
          running.add(started)
          return started
        },
        remove: () => buildah('rm', container),
      }
    },

    /** What was started and not stopped yet. */
    running: () => [...running],

    async close() {
      for (const started of running) await started.stop('SIGKILL')
      if (!existsSync(join(folder, 'storage'))) return
      await buildah('rm', '--all')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function limitOf(name) {
  const flag = { nofile: '-n', nproc: '-u' }[name]
  const [soft, hard] = ['S', 'H'].map((kind) =>
    execFileSync('bash', ['-c', `ulimit -${kind}${flag.slice(1)}`], { encoding: 'utf8' })
      .trim()
      .replace('unlimited', '-1'),
  )
  return `${soft}:${hard}`
}

/** The processes below one that have no child: what a container runs. */
function leavesOf(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`)
  const children = tasks.flatMap(
    (task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').match(/\d+/g) ?? [],
  )
  return children.length === 0 ? [pid] : children.flatMap((child) => leavesOf(Number(child)))
}
