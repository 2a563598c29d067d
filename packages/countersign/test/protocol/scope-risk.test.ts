import { defaultRisks, isRiskPattern, mayInclude, parseScope, readPermission } from 'countersign/editions'
import { type RiskPatterns, riskOf } from 'countersign/resource'
import { describe, expect, it } from 'vitest'

/** In ascending order. */
const risksByStrength = ['read', 'change', 'delete', 'spend', 'control']

describe('riskOf', () => {
  /** Examples for each risk, and the spellings of its words. */
  const dangers = {
    delete: `
      data.delete events:delete delete:events files.delete.all DeleteEvents deleteEvents events/delete events-delete
      EVENTS_DELETE READ_DELETE everything.delete.read deleteevents eventsdelete dElEtE events%3adelete
      events%253Adelete delete2 v2.delete deletes deleted deleting deletion data.deletions remove removes removing
      removal eventRemoval purge purging wipe wiping wipes destroy destroys destruction drop drop_table dropping
      erase erasing erasure revoke revoking revocation trash sessions.terminate uninstall https://api.example/delete
      droptable dropdatabase rmfile factory_reset factory.reset unlink.file tabledrop clearhistory killprocess scrub.data
      account.close close_account empty.folder hardReset roles.delete`,
    spend: `
      pay payments payment.create repay autopay transfer.create transfers wire wiring purchase purchases
      items.purchase buy buying spend refund refunds withdrawals deposit charges checkout donate trade PAYbills
      events%3apay sendmoney payments.delete.read chargecard buynow payinvoice sellshares tradestocks wirefunds cardcharge
      funds:send crypto.send sendCrypto loan.request bet.place bets:place place_order order.place invoice.settle loans
      cash_out payee.add`,
    control: `
      admin admin:org Admin.ReadWrite superadmin administrator root sudo owner owners ownership impersonate
      user_impersonation act_on_behalf grant permissions.grant granting elevate * all repo:* files.* full_access
      fullAccess data.all everything admin.delete files.full_control fullControl full-control FULL_CONTROL full_control.read
      Sites.FullControl.All Files.ReadWrite.All write:all all:write *:write files:*:write *.manage manage.everything
      everything.edit full_access.write manageAll unlimited.manage clearall.write.all readwriteall
      act_as act-as-user actAs become su assumeRole sts:AssumeRole loginas login.as log_in_as signInAs exec shell:run eval run_code code.run
      commands:run execute_command permissions.write permissions roles.assign role.update iam:PassRole acl.edit
      mfa.disable apikeys.create api_keys.read api-key secrets.read credentials.read passwords.read password.reset
      private_keys.read privateKey tokens.read recovery_codes.read`,
    change: `
      calendar.write profile.update exercise.log succeed order.execute workflow.run full_name.update full_text.update calendar.full_day all_day.write
      dataset executive secretary tokenize shellfish assumptions alphabet.order betterment signup payload outset
      data.write calendar Files.ReadWrite messages.mark.read reply.read data.reader payload.send
      suspend made.letters dropbox orders camerasettings 123 %% %zz`,
    read: `
      files.read orders.read resume.read subscriptions.read roles.read permissions.read loans.read everything.read
      dataset.read full_name.read full_text.read full_screen.read full_size.read secretary.read alphabet.read
      data.read a.b.read .read read data.READ readonly calendar.readonly view:events Files.Read.All read:all thread.view
      cameras.view swipe.read badminton.read display.read pseudo.read wireless.read dropbox.read call.read credit.read
      https://www.googleapis.com/auth/calendar.readonly`,
  }
  const rows = Object.entries(dangers).flatMap(([risk, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, risk] as const),
  )

  it.each(rows)('classifies %s as %s', (name, risk) => {
    expect(riskOf(name, [])).toBe(risk)
  })

  it('classifies a name without words as a change', () => {
    expect(riskOf('', [])).toBe('change')
  })

  it('finds every built-in word in any spelling', () => {
    for (const [pattern, risk] of defaultRisks) {
      const word = pattern.replaceAll('*', '')
      const capital = word.charAt(0).toUpperCase() + word.slice(1)
      for (const name of [
        word,
        `events.${word}`,
        `${word}:events`,
        `files/${word}/1`,
        `my-${word}-2`,
        `my_${word.toUpperCase()}`,
        `${word}Events`,
        `Events${capital}`,
        `EVENTS${word}`,
        `2${word}2`,
        `events%3A${word}`,
      ]) {
        expect(risksByStrength.indexOf(riskOf(name, [])), name).toBeGreaterThanOrEqual(risksByStrength.indexOf(risk))
      }
    }
  })

  it.each([
    ['delet*', 'things.deletion', true],
    ['*delete', 'undelete.x', true],
    ['de*te', 'delete', true],
    ['d*t*', 'x-delete-y', true],
    ['*', 'anything', true],
    ['*', '123', false],
    ['DELETE', 'delete', true],
    ['delete', 'deletes', false],
    ['delete', 'undelete', false],
    ['data.delete', 'data.delete', true],
    ['data.delete', 'data.delete.x', false],
    ['data.delete', 'DATA.delete', false],
  ])('pattern %s on %s: %s', (pattern, name, fits) => {
    const patterns: RiskPatterns = [[pattern, 'spend']]
    expect(riskOf(name, patterns) === 'spend').toBe(fits)
  })

  it('checks the operator’s patterns before the built-in ones, word by word', () => {
    const patterns: RiskPatterns = [
      ['*transfer*', 'change'],
      ['contract', 'spend'],
      ['contract', 'read'],
    ]
    expect(riskOf('file.transfer', patterns)).toBe('change')
    expect(riskOf('contract.read', patterns)).toBe('spend')
    expect(riskOf('data.delete', patterns)).toBe('delete')
    expect(riskOf('chargecard', [['chargecard', 'read']])).toBe('read')
    expect(riskOf('token.read', [['token', 'read']])).toBe('read')
    expect(riskOf('roles.write', [['roles', 'change']])).toBe('change')
    expect(riskOf('factory_reset', [['factoryreset', 'change']])).toBe('change')
    expect(riskOf('transfer.delete', patterns)).toBe('delete')
  })

  it('lets a pattern that matches the whole name decide, regardless of the words in the name', () => {
    const patterns: RiskPatterns = [['payments.read', 'read']]
    expect(riskOf('payments.read', patterns)).toBe('read')
    expect(riskOf('payments.read.all', patterns)).toBe('spend')
    expect(riskOf('payments:read', patterns)).toBe('spend')
  })

  it.each(['*.read', 'calendar.*', 'delete*2', 'a b*', ''])(
    'rejects the pattern %s, which matches nothing',
    (pattern) => {
      expect(isRiskPattern(pattern)).toBe(false)
    },
  )

  it.each([
    [['*.read', 'read'], '["*.read", "read"]'],
    [['', 'read'], '["", "read"]'],
    [['notes', 'harmless'], '["notes", "harmless"]'],
  ] as const)('refuses the pattern %j, which decides nothing', (pattern, shown) => {
    const patterns: RiskPatterns = [['delete', 'change'], pattern as never]
    expect(() => riskOf('notes.read', patterns)).toThrow(
      new TypeError(
        `Risk pattern ${shown}: use a word, in which * matches any letters, or a scope's full name without *; then one of read, change, delete, spend, control`,
      ),
    )
  })

  it('needs no patterns', () => {
    expect(riskOf('notes.delete')).toBe('delete')
  })

  it('is fast for the longest possible names and many asterisks', () => {
    const started = performance.now()
    for (const name of ['a'.repeat(128), '%25'.repeat(42), 'aB'.repeat(64), 'a.'.repeat(64), 'rmdb'.repeat(32)])
      riskOf(name, [[`${'a*'.repeat(200)}b`, 'read']])
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it.each([`calendar.${'r'.repeat(120)}`, 'read.'.repeat(25), 'a'.repeat(5000)])(
    'does not parse %s, which is longer than a scope or has more than 24 words: it could do anything',
    (name) => {
      expect(riskOf(name, [])).toBe('control')
    },
  )

  it('parses a scope of 128 characters, and 24 words', () => {
    expect(riskOf(`read.${'x'.repeat(123)}`, [])).toBe('read')
    expect(riskOf('read.'.repeat(24), [])).toBe('read')
  })
})

describe('mayInclude', () => {
  it.each([
    ['files.full_control', 'files.delete'],
    ['files.full_control', 'mail.read'],
    ['Mail.ReadWrite', 'Mail.Read'],
    ['Mail.ReadWrite', 'Mail.Send'],
    ['Mail.ReadWrite', 'Mail.Delete'],
    ['write:packages', 'read:packages'],
    ['write:package', 'read:packages'],
    ['calendar.manage', 'calendar.delete'],
    ['calendar.manage', 'calendars.pay'],
    ['calendar', 'mail.delete'],
    ['calendar.read', 'calendar.events.read'],
    ['calendar.read', 'calendar'],
    ['read', 'mail.read'],
    ['data.delete', 'data.write'],
    ['pay', 'orders.write'],
  ])('%s may include %s', (whole, part) => {
    expect(mayInclude(readPermission(whole, []), readPermission(part, []))).toBe(true)
  })

  it.each([
    ['calendar.read', 'calendar.write'],
    ['calendar.read', 'calendar.delete'],
    ['calendar.read', 'mail.read'],
    ['calendar.manage', 'mail.delete'],
    ['calendar.write', 'rooms.book'],
    ['write:packages', 'delete:packages'],
    ['Mail.ReadWrite', 'Calendar.Read'],
    ['data.delete', 'data.pay'],
  ])('%s does not include %s', (whole, part) => {
    expect(mayInclude(readPermission(whole, []), readPermission(part, []))).toBe(false)
  })
})

it.each(['delete\u200b', 'd\u0435lete', 'delete\u00ad', '\uff44elete', 'delete\u0000'])(
  'never sees confusable letters: %j is not a scope',
  (scope) => {
    expect(parseScope(`calendar.read ${scope}`)).toBeUndefined()
  },
)
