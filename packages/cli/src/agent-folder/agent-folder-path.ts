import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

/** Where the command line keeps its own agent: the folder of `--agent`, that of `COUNTERSIGN_HOME`, or the platform's own place. */
export function agentFolderPath(
  env: NodeJS.ProcessEnv,
  given?: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const named = given ?? env.COUNTERSIGN_HOME
  return named ? resolve(named) : join(configurationFolder(env, platform), 'countersign')
}

/** Where the user's own settings lie that stay on this machine. */
function configurationFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = env.HOME || homedir()
  switch (platform) {
    case 'win32':
      return env.LOCALAPPDATA || join(env.USERPROFILE || homedir(), 'AppData', 'Local')
    case 'darwin':
      return join(home, 'Library', 'Application Support')
    default: {
      // The XDG specification has relative paths ignored.
      const { XDG_CONFIG_HOME: folder = '' } = env
      return isAbsolute(folder) ? folder : join(home, '.config')
    }
  }
}
