import { type CertificateFinder, ConfigurationError } from 'countersign/wire'
import {
  type LoadedConfig,
  type LogoReEncoder,
  loadLogoReEncoder,
  readCertificates,
  readMasterKey,
  requireSafeStart,
} from 'countersign-server'

/** What a start needs besides the settings. */
export interface StartFiles {
  masterKey: Uint8Array
  certificates: CertificateFinder | undefined
  reEncodeLogo: LogoReEncoder | undefined
}

/** Reads the files that settings name, and judges the machine. @throws ConfigurationError naming all that is against a start */
export async function readForStart(config: LoadedConfig, env: NodeJS.ProcessEnv): Promise<StartFiles> {
  const readings = [
    requireSafeStart(config, env),
    readMasterKey(config),
    readCertificates(config),
    loadLogoReEncoder(config),
  ] as const
  const problems: ConfigurationError['problems'][number][] = []
  for (const outcome of await Promise.allSettled(readings)) {
    if (outcome.status === 'fulfilled') continue
    if (!(outcome.reason instanceof ConfigurationError)) throw outcome.reason
    problems.push(...outcome.reason.problems)
  }
  if (problems.length > 0) throw new ConfigurationError(config.file, problems)
  return { masterKey: await readings[1], certificates: await readings[2], reEncodeLogo: await readings[3] }
}
