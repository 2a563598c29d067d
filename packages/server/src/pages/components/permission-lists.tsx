import { byDanger, type Danger, type Risk } from 'countersign/editions'
import type { ComponentChildren } from 'preact'
import type { Messages } from '../messages/messages.js'
import type { ConsentPage, Permission } from '../models/models.js'
import { Asker, Host, Icon } from './marks.js'
import { DayAndTime } from './moment.js'
import { Cautions, MissingInfo } from './notices.js'

interface Lists {
  model: ConsentPage
  messages: Messages
}

/** The permissions that the agent requests, and those it already has and keeps. */
export function AbleList({ model, messages }: Lists) {
  const agent = <Asker model={model} messages={messages} />
  return (
    <section>
      <h2>{messages.able}</h2>
      <Cautions
        of={[
          model.dangers && messages.dangerous(agent, eitherOf(model.dangers, messages)),
          model.bearer && messages.bearer,
        ]}
      />
      <PermissionTable able={model.able} resourceHost={model.resourceHost} messages={messages} />
      {model.kept && (
        <>
          <p class="kept">{messages.kept}</p>
          <PermissionBullets of={model.kept} messages={messages} />
        </>
      )}
      {model.leftOut && (
        <>
          <p class="kept">{messages.leftOut}</p>
          <PermissionBullets of={model.leftOut} messages={messages} />
        </>
      )}
      {model.agent !== model.resource && <Elsewhere model={model} messages={messages} />}
    </section>
  )
}

function PermissionBullets({ of, messages }: { of: readonly Permission[]; messages: Messages }) {
  return (
    <ul class="bullets">
      {[...of].sort(byConcern).map((permission) => (
        <li>
          {messages.risks[permission.risk]}
          {messages.colon}
          <Words permission={permission} messages={messages} />
        </li>
      ))}
    </ul>
  )
}

function eitherOf(dangers: readonly Danger[], messages: Messages): string {
  const words = dangers.map((danger) => messages.dangers[danger])
  return new Intl.ListFormat(messages.locale, { type: 'disjunction' }).format(words)
}

interface Table {
  able: readonly Permission[]
  resourceHost: string
  /** For permissions that expire sooner: the year is omitted if it is the same as the year of this time. @default 0 */
  now?: number
  /** The page that removes the permission with this name. @default none */
  removeHref?: ((name: string) => string) | undefined
  /** The page that extends the permission with this name; undefined if it cannot be extended. @default none */
  extendHref?: ((name: string) => string | undefined) | undefined
  messages: Messages
}

/** Each permission with its risk in words and the resource's description. New permissions come first, then the most dangerous. */
export function PermissionTable({ able, resourceHost, now = 0, removeHref, extendHref, messages }: Table) {
  const resource = <bdi>{resourceHost}</bdi>
  if (able.length === 0) return <MissingInfo>{messages.ableNothing(resource)}</MissingInfo>
  return (
    <ul class="able">
      {[...able].sort(byConcern).map((permission) => (
        <li data-risk={permission.risk}>
          <RiskWords risk={permission.risk} messages={messages} />{' '}
          <span class="what">
            {permission.isNew && (
              <>
                <strong class="new">{messages.isNew}</strong>{' '}
              </>
            )}
            <Words permission={permission} messages={messages} />
            <Value permission={permission} messages={messages} />
            <Until at={permission.until} now={now} messages={messages} />
          </span>
          {!permission.description && !permission.identity && (
            <MissingInfo>{messages.noDescription(resource)}</MissingInfo>
          )}
          <Changes
            permission={permission}
            of={[
              [messages.account.extendIt, extendHref?.(permission.name)],
              [messages.account.removeIt, permission.actsAs ? undefined : removeHref?.(permission.name)],
            ]}
            messages={messages}
          />
        </li>
      ))}
    </ul>
  )
}

interface Links {
  permission: Permission
  /** Labels and pages; undefined for what cannot be done. */
  of: readonly (readonly [label: string, href: string | undefined])[]
  messages: Messages
}

/** The links to pages that change a permission. */
function Changes({ permission, of, messages }: Links) {
  const links = of.flatMap(([label, href]) => (href === undefined ? [] : [{ label, href }]))
  if (links.length === 0) return null
  return (
    <span class="changes">
      {links.map(({ label, href }) => (
        <a class="quietly" href={href}>
          {label}{' '}
          <span class="unseen">
            <Words permission={permission} messages={messages} />
          </span>
        </a>
      ))}
    </span>
  )
}

/** The value that the agent learns, if any. */
function Value({ permission: { value, withheld }, messages }: { permission: Permission; messages: Messages }) {
  if (withheld) return <span class="aside"> ({messages.withheld})</span>
  if (value === undefined) return null
  return value === null ? (
    <span class="aside"> ({messages.noValue})</span>
  ) : (
    <>
      {messages.colon}
      <bdi class="value">{value}</bdi>
    </>
  )
}

export function RiskWords(props: { risk: Risk; messages: Messages }) {
  return (
    <span class="risk">
      <Icon name={props.risk} />
      {props.messages.risks[props.risk]}
    </span>
  )
}

/** When a permission expires, if it expires before the others. */
export function Until({ at, now, messages }: { at: number | undefined; now: number; messages: Messages }) {
  if (at === undefined) return null
  return (
    <>
      {' '}
      <span class="aside">({messages.account.until(<DayAndTime at={at} now={now} messages={messages} />)})</span>
    </>
  )
}

/** Sorts new permissions first, then the most dangerous. */
export function byConcern(one: Permission, other: Permission): number {
  return Number(other.isNew ?? false) - Number(one.isNew ?? false) || byDanger(one.risk, other.risk)
}

/** What the agent cannot do, as far as this server knows. */
export function NotAbleList({ model, messages }: Lists) {
  const isOwn = model.agent === model.resource
  return (
    <>
      <h2>{messages.notAble}</h2>
      <ul class="not-able">
        {/* A program on the user's computer may see what the user types. */}
        <Not>{model.redirect?.loopback ? messages.notGetPassword : messages.notSeePassword}</Not>
        {!isOwn && model.nothingElse && model.elsewhere.length === 0 && <Not>{messages.notElsewhere}</Not>}
        {model.notRequested.map((permission) => (
          <Not>
            <Words permission={permission} messages={messages} /> <span class="aside">({messages.notRequested})</span>
          </Not>
        ))}
      </ul>
    </>
  )
}

function Not({ children }: { children: ComponentChildren }) {
  return (
    <li>
      <Icon name="no" />
      <span>{children}</span>
    </li>
  )
}

/**
 * Permissions that the user granted the agent earlier. They are not part of this request, and the page must not suggest that the agent does
 * not have them.
 */
function Elsewhere({ model, messages }: Lists) {
  const { elsewhere } = model
  const myAgents = <a href={model.accountPath}>{messages.myAgents}</a>
  const more = elsewhere.length - ELSEWHERE_SHOWN
  const others = [
    ...elsewhere.slice(0, ELSEWHERE_SHOWN).map((host) => <Host>{host}</Host>),
    ...(more > 0 ? [messages.moreServices(more)] : []),
  ]
  return (
    <>
      {elsewhere.length > 0 && (
        <p class="already">{messages.alreadyElsewhere(listed(others, messages.locale), myAgents)}</p>
      )}
      {model.signsInAlready && <p class="already">{messages.alreadySignsIn(myAgents)}</p>}
    </>
  )
}

/** The maximum number of other resources that are listed by name. */
const ELSEWHERE_SHOWN = 3

/** Joins elements into a list within a sentence, with the language's commas and its word for "and". */
function listed(elements: readonly ComponentChildren[], locale: string): ComponentChildren[] {
  const parts = new Intl.ListFormat(locale).formatToParts(elements.map((_, index) => String(index)))
  return parts.map(({ type, value }) => (type === 'element' ? elements[Number(value)] : value))
}

/**
 * This server's text for what is revealed about the user; otherwise the resource's description, whose language is unknown; if there is no
 * description, the name on the wire.
 */
export function Words({ permission, messages }: { permission: Permission; messages: Messages }) {
  if (permission.actsAs) return <>{messages.blocks.actAs}</>
  if (permission.identity) return <>{messages.identity[permission.identity]}</>
  return permission.description ? (
    <bdi class="words" dir="auto">
      {permission.description}
    </bdi>
  ) : (
    <code class="words">
      <bdi>{permission.name}</bdi>
    </code>
  )
}
