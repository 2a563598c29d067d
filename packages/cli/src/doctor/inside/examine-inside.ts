import { isPostgresUrl } from 'countersign-server'
import { checking, type Finding } from '../finding.js'
import { checkBackups } from './check-backups.js'
import { checkDatabase } from './check-database.js'
import { checkRunning, checkSpace, checkSynchronization, writtenFolders } from './check-machine.js'
import { checkAdminPort, checkProxy } from './check-proxy.js'
import { checkMasterKey, checkSettings, checkStart } from './check-settings.js'

export interface Inside {
  /** The file of the configuration. */
  config: string
  /** The folder with copies of the database. */
  backups: string | undefined
  env: NodeJS.ProcessEnv
}

/** Looks at an auth server on the machine that it runs on. */
export async function examineInside({ config: file, backups, env }: Inside): Promise<Finding[]> {
  const { findings, config } = await checkSettings(file, env)
  if (!config) {
    const rest = checking('everything else')
    return [
      ...findings,
      rest.unknown('It needs settings that can be used.'),
      ...checkBackups(backups, { isFile: true, env }),
    ]
  }
  const { findings: ofMasterKey, masterKey } = await checkMasterKey(config)
  return [
    ...findings,
    ...(await checkStart(config, env)),
    ...ofMasterKey,
    ...(await checkDatabase(config, masterKey)),
    ...checkProxy(config),
    ...checkAdminPort(config),
    ...(await checkRunning(config)),
    ...checkBackups(backups, { isFile: !isPostgresUrl(config.settings.database), env }),
    ...checkSpace(writtenFolders(config, backups)),
    checkSynchronization(),
  ]
}
