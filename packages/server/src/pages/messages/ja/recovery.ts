import type { enRecovery } from '../en/recovery.js'
import { createNotice, phrase } from '../parts/phrase.js'

const all = {
  unneeded: 'お心当たりがある場合は、何もする必要はありません。',
  action: 'セキュリティ設定を確認',
  otherwise:
    'お心当たりがない場合は、ほかの人があなたのアカウントにアクセスできる可能性があります。パスワードを変更し、すべてのデバイスでログアウトしてください。ログインできない場合は、ログインページで「パスワードをお忘れですか？」を選んでください。',
}

const notice = createNotice(all)

const agents = {
  ...all,
  action: 'エージェントを確認',
  otherwise:
    'お心当たりがない場合は、ほかの人があなたのアカウントにアクセスできる可能性があります。エージェントを削除し、パスワードを変更し、すべてのデバイスでログアウトしてください。',
  optOut: 'このようなメールは、「アカウント」ページでオフにできます。',
}

const agentNotice = createNotice(agents)

const blockNotice = createNotice({
  action: agents.action,
  optOut: agents.optOut,
  unneeded: '対応は必要ありません。このエージェントを使わなくなった場合は、削除してください。',
})

/** The text of the pages for a forgotten password and for confirming an email address, in Japanese. */
export const jaRecovery: typeof enRecovery = {
  newPasswordPage: {
    invite: {
      heading: 'パスワードを設定してください',
      lead: (user, server) =>
        phrase`${server}でのユーザー名は${user}です。今後は、このユーザー名とパスワードでログインしてください。`,
    },
    reset: {
      heading: '新しいパスワードを設定してください',
      lead: (user, server) =>
        phrase`${server}のアカウント${user}のパスワードです。すべてのデバイスでログアウトします。`,
    },
  },
  setPassword: 'パスワードを設定',
  passkeyInstead: 'または、代わりにパスキーを使う',
  forgotHeading: 'パスワードをお忘れですか？',
  forgotLead:
    'ユーザー名を入力してください。そのメールアドレスが確認済みであれば、新しいパスワードを設定するためのリンクを送信します。',
  sendLink: 'リンクを送信',
  forgotThrottled: 'お使いのネットワークからの試行回数が多すぎます。しばらくしてからもう一度お試しください。',
  checkEmail: 'メールをご確認ください',
  linkSent:
    'このユーザー名のアカウントがあり、メールアドレスが確認済みであれば、そのアドレスにリンクを送信しました。リンクは 20 分間有効です。',
  noLink: (whom) =>
    phrase`数分以内にメールが届かない場合は、迷惑メールフォルダを確認するか、新しいパスワードについて${whom}にお問い合わせください。`,
  confirmEmail: {
    heading: 'メールアドレスの確認',
    lead: (email, server) =>
      phrase`${email}は、${server}のアカウントに登録したあなたのアドレスですか？ ご自身で入力した場合にだけ、確認してください。`,
    action: 'このアドレスを確認',
  },
  emails: {
    reset: {
      subject: (server) => `${server}の新しいパスワード`,
      before: (server, user) => [
        `${server}のアカウント「${user}」の新しいパスワードの設定が依頼されました。`,
        '設定するには、20 分以内にこのリンクを開いてください。リンクは 1 回だけ使えます。',
      ],
      action: '新しいパスワードを設定',
      after: [
        'お心当たりがない場合は、何もしないでください。パスワードは変わりません。このリンクは誰にも教えないでください。',
      ],
    },
    confirm: {
      subject: (server) => `${server}のメールアドレスの確認`,
      before: (server) => [
        `あなたのメールアドレスが、${server}のアカウントに入力されました。`,
        'ご自身で入力した場合は、1 日以内にこのリンクを開いて確認してください。確認後は、パスワードを忘れたときに、このアドレスにリンクを送信します。',
      ],
      action: 'このアドレスを確認',
      after: ['お心当たりがない場合は、何もしないでください。アドレスは未確認のままになります。'],
    },
    password_changed: notice(
      'パスワードが変更されました',
      (server, user) => `${server}のアカウント「${user}」のパスワードが変更されました。`,
    ),
    passkey_added: notice(
      'パスキーが追加されました',
      (server, user) => `${server}のアカウント「${user}」にパスキーが追加されました。`,
    ),
    passkey_removed: notice(
      'パスキーが削除されました',
      (server, user) => `${server}のアカウント「${user}」からパスキーが削除されました。`,
    ),
    factor_added: notice(
      '2 段階認証が設定されました',
      (server, user) => `${server}のアカウント「${user}」に、認証アプリによる 2 段階認証が設定されました。`,
    ),
    factor_removed: notice(
      '2 段階認証が無効になりました',
      (server, user) => `${server}のアカウント「${user}」の 2 段階認証が無効になりました。`,
    ),
    email_changed: {
      ...notice(
        'メールアドレスが変更されました',
        (server, user) =>
          `${server}のアカウント${user}のメールアドレスが変更されました。今後、このアドレスにはメールを送信しません。`,
      ),
      after: [
        'お心当たりがない場合は、ほかの人があなたのアカウントにアクセスできるおそれがあります。ログインして、パスワードとメールアドレスを変更し、すべてのデバイスでログアウトしてください。',
      ],
    },
    device_connected: {
      ...notice(
        'デバイスが接続されました',
        (server, user) =>
          `${server}のアカウント「${user}」にデバイスが接続されました。何かにアクセスする前には、あなたの許可が必要です。`,
      ),
      action: 'デバイスを確認',
      after: [
        'お心当たりがない場合は、「マイエージェント」でデバイスの接続を解除してください。パスワードを変更しても、接続は解除されません。その後、パスワードを変更し、すべてのデバイスでログアウトしてください。',
      ],
    },
    identity_linked: notice(
      'ログインプロバイダーが関連付けられました',
      (server, user) =>
        `${server}のアカウント${user}に、別のプロバイダーのアカウントが関連付けられ、ログインに使えるようになりました。`,
    ),
    identity_unlinked: notice(
      'ログインプロバイダーが削除されました',
      (server, user) => `${server}のアカウント${user}から、ログインに使えたプロバイダーが削除されました。`,
    ),
    agent_allowed: agentNotice(
      '新しいエージェントが許可されました',
      (server, user, about) =>
        `${server}のアカウント「${user}」で、エージェント ${about.agent} に ${about.resource} へのアクセスが許可されました。`,
    ),
    agent_blocked: blockNotice(
      'エージェントがブロックされました',
      (server, user, about) =>
        `${server}の管理者がエージェント ${about.agent} をブロックしました。アカウント「${user}」でこのエージェントに新しいアクセス権が与えられることはありません。`,
    ),
    new_device: notice(
      '新しいログイン',
      (server, user) =>
        `これまでに使われたことのないブラウザから、${server}のアカウント「${user}」へのログインがありました。`,
    ),
  },
}
