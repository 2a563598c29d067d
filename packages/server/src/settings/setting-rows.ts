import type * as z from 'zod'

/** A setting: its name, and how its environment variable is read. */
export interface SettingRow {
  /** `listen.port` */
  name: string
  /** `json`: the variable holds JSON. */
  read: 'text' | 'number' | 'boolean' | 'json'
  /** What it is where nobody sets it, if that is one value. */
  default: unknown
}

const reads: Readonly<Record<string, SettingRow['read']>> = {
  string: 'text',
  enum: 'text',
  number: 'number',
  boolean: 'boolean',
}

/** Every setting of a schema, in its order; a group is its members. */
export function settingRows(shape: Readonly<Record<string, z.core.$ZodType>>, group = ''): SettingRow[] {
  return Object.entries(shape).flatMap(([member, schema]) => {
    const name = `${group}${member}`
    const { inner, preset } = unwrapped(schema)
    if (inner.type === 'object' && 'shape' in inner) return settingRows(inner.shape as typeof shape, `${name}.`)
    return [{ name, read: reads[inner.type] ?? 'json', default: preset }]
  })
}

/** A schema without what says that it may be absent. */
function unwrapped(schema: z.core.$ZodType): { inner: z.core.$ZodTypeDef; preset: unknown } {
  const { def } = schema._zod
  if (!('innerType' in def)) return { inner: def, preset: undefined }
  const { inner, preset } = unwrapped(def.innerType as z.core.$ZodType)
  return { inner, preset: def.type === 'default' && 'defaultValue' in def ? def.defaultValue : preset }
}
