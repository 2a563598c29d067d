import { variableOf } from 'countersign/wire'

/** What the variables of the auth server begin with. */
export const variablePrefix = 'COUNTERSIGN_'

/** The environment variable of a setting: `listen.port` → `COUNTERSIGN_LISTEN_PORT`. */
export function environmentName(setting: string): string {
  return variableOf(setting, variablePrefix)
}
