/** The part of a zod schema that is used here. */
interface SettingSchema {
  readonly _zod: { readonly def: object & { type: string } }
}

/** The schemas of settings, by name. */
export type SchemaShape = Readonly<Record<string, SettingSchema>>

/** A setting, with its name and the type of its environment variable. */
export interface SettingRow {
  /** `listen.port` */
  name: string
  /** `json`: the variable holds JSON. */
  read: 'text' | 'number' | 'boolean' | 'json'
  /** The default, if it is a fixed value. */
  default: unknown
}

const reads: Readonly<Record<string, SettingRow['read']>> = {
  string: 'text',
  enum: 'text',
  number: 'number',
  boolean: 'boolean',
}

/** Every setting in a schema, in order. A group is expanded to its members; if it can be switched on as a whole, it is a setting as well. */
export function settingRows(shape: SchemaShape, group = ''): SettingRow[] {
  return Object.entries(shape).flatMap(([member, schema]) => {
    const name = `${group}${member}`
    const { inner, preset, isSwitch } = unwrapped(schema)
    const row: SettingRow = { name, read: reads[inner.type] ?? 'json', default: preset }
    if (inner.type !== 'object' || !('shape' in inner)) return [row]
    const members = settingRows(inner.shape as SchemaShape, `${name}.`)
    return isSwitch ? [row, ...members] : members
  })
}

interface Unwrapped {
  inner: SettingSchema['_zod']['def']
  preset: unknown
  /** Whether the schema converts other values, such as `true`, to those of the inner one. */
  isSwitch: boolean
}

/** Unwraps a schema that is optional, has a default, or converts its values first. */
function unwrapped(schema: SettingSchema): Unwrapped {
  const { def } = schema._zod
  if (def.type === 'pipe' && 'out' in def) return { ...unwrapped(def.out as SettingSchema), isSwitch: true }
  if (!('innerType' in def)) return { inner: def, preset: undefined, isSwitch: false }
  const { preset, ...rest } = unwrapped(def.innerType as SettingSchema)
  return { ...rest, preset: def.type === 'default' && 'defaultValue' in def ? def.defaultValue : preset }
}

/** The known names at a path in a schema, including within lists. Empty if any name is allowed. */
export function membersAt(shape: SchemaShape, path: readonly PropertyKey[]): string[] {
  const [first, ...rest] = path
  if (first === undefined) return Object.keys(shape)
  let schema: SettingSchema | undefined = shape[String(first)]
  for (const part of rest) {
    const inner: SettingSchema['_zod']['def'] | undefined = schema && unwrapped(schema).inner
    if (inner && 'element' in inner) schema = inner.element as SettingSchema
    else schema = inner && 'shape' in inner ? (inner.shape as SchemaShape)[String(part)] : undefined
  }
  const inner = schema && unwrapped(schema).inner
  return inner && 'shape' in inner ? Object.keys(inner.shape as SchemaShape) : []
}

/** The object from the file, merged with the values from the environment. */
export function withOverrides(content: object, values: ReadonlyMap<string, unknown>): object {
  return [...values].reduce((merged, [name, value]) => withMember(merged, name.split('.'), value), content)
}

function withMember(object: object, [first = '', ...rest]: readonly string[], value: unknown): object {
  if (rest.length === 0) return { ...object, [first]: value }
  const group = (object as Record<string, unknown>)[first]
  return { ...object, [first]: withMember(typeof group === 'object' && group !== null ? group : {}, rest, value) }
}
