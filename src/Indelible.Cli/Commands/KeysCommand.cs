using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>keys show</c>: the verifier key. <c>keys export FILE</c>, <c>keys restore FILE</c>: a backup of the keyring.
/// <c>keys accept-head</c>: what a restore needs besides. <c>keys rotate</c>: another signing key.
/// <c>keys rotate-master</c>: another master key.</summary>
internal static class KeysCommand
{
    private static readonly Argument<string> NewFile = new("FILE") { Description = "New file for the backup" };
    private static readonly Argument<string> Backup = new("FILE") { Description = "A backup that `keys export` wrote" };

    private static readonly Option<string?> Reason = new("--reason") { Description = "Why; sealed with your name", HelpName = "TEXT" };

    public static Command Build()
    {
        Command show = new("show", "Print origin and verifier key");
        show.SetAction((parse, _) => Task.FromResult(Show(parse, Invocation.Of(parse))));
        Command export = new("export", "Write a backup of the keyring; it opens only with the master key") { NewFile };
        export.SetAction((parse, _) => Task.FromResult(Export(parse, Invocation.Of(parse))));
        Command restore = new("restore", "Make the keyring from a backup, where there is none") { Backup };
        restore.SetAction((parse, _) => Task.FromResult(Restore(parse, Invocation.Of(parse))));
        Command acceptHead = new("accept-head", "After a restore: vouch that the ledger's head as it stands is the newest there ever was");
        acceptHead.SetAction((parse, cancellationToken) => AcceptHeadAsync(parse, Invocation.Of(parse), cancellationToken));
        Command rotate = new("rotate", "Hand the ledger over to a new signing key") { Reason };
        rotate.SetAction((parse, cancellationToken) => RotateAsync(parse, Invocation.Of(parse), cancellationToken));
        Command master = new("rotate-master", "Wrap the keyring anew under a new master key; the old one is removed") { Reason };
        master.SetAction((parse, cancellationToken) => RotateMasterAsync(parse, Invocation.Of(parse), cancellationToken));
        return new Command("keys", "Keys of the ledger") { show, export, restore, acceptHead, rotate, master };
    }

    private static int Show(ParseResult parse, Invocation invocation)
    {
        (string origin, string verifierKey) = Keyring.ReadPublic(invocation.ExistingPaths(parse).Keyring);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs([("origin", origin), ("verifier key", verifierKey)]);
        terminal.Json(new JsonObject { ["origin"] = origin, ["verifierKey"] = verifierKey });
        return (int)ExitCode.Fine;
    }

    private static int Export(ParseResult parse, Invocation invocation)
    {
        string file = invocation.Resolve(parse.GetValue(NewFile)!);
        LedgerPaths paths = invocation.ExistingPaths(parse);
        if (invocation.Running is { } running)
        {
            running.Keyring.Export(file);
        }
        else
        {
            using Keyring keyring = LedgerView.OpenKeyring(paths);
            keyring.Export(file);
        }
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Line($"exported the keyring to {file}; it opens only with the master key, which is not in it");
        terminal.Json(new JsonObject { ["file"] = file });
        return (int)ExitCode.Fine;
    }

    private static int Restore(ParseResult parse, Invocation invocation)
    {
        LedgerPaths paths = invocation.Paths(parse);
        using MasterKey master = MasterKey.Load(paths.Keyring);
        Keyring.Import(invocation.Resolve(parse.GetValue(Backup)!), paths.Keyring, master);
        (string origin, string verifierKey) = Keyring.ReadPublic(paths.Keyring);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs([("origin", origin), ("keyring", paths.Keyring), ("verifier key", verifierKey)]);
        terminal.Note("values can be read again; what was sealed under keys made after the backup stays unreadable\n"
            + "  before anything is sealed: compare the ledger's checkpoint with one kept elsewhere, "
            + "then run `indelible keys accept-head`");
        terminal.Json(new JsonObject { ["origin"] = origin, ["keyring"] = paths.Keyring, ["verifierKey"] = verifierKey });
        return (int)ExitCode.Fine;
    }

    private static async Task<int> RotateAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        await using Borrowed<LedgerHost> host = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        Handover handover = await KeyRotation.RunAsync(host.Value, invocation.User, parse.GetValue(Reason), cancellationToken);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs(
        [
            ("origin", handover.To.Name),
            ("handed over", $"at size {handover.Checkpoint.Size}"),
            ("previous key", handover.From.ToString()),
            ("verifier key", handover.To.ToString()),
        ]);
        terminal.Note("publish the new key, and tell witnesses; back the keyring up: `indelible keys export FILE`");
        if (host.Value.Config.Witnesses is { } witnesses)
            terminal.Note($"add the line `log {handover.To}` to {witnesses.Policy}: `indelible run` does not start without it");
        terminal.Json(new JsonObject
        {
            ["origin"] = handover.To.Name,
            ["size"] = handover.Checkpoint.Size,
            ["previousKey"] = handover.From.ToString(),
            ["verifierKey"] = handover.To.ToString(),
        });
        return (int)ExitCode.Fine;
    }

    /// <summary>Seals that it is done, then does it: a keyring whose file is replaced opens with the new key only.
    /// Killed in between, the same command goes on.</summary>
    private static async Task<int> RotateMasterAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerPaths paths = invocation.ExistingPaths(parse);
        uint epoch;
        using (MasterKey next = MasterKey.Next(paths.Keyring))
        {
            await using (LedgerHost host =
                await LedgerHost.OpenAsync(paths, invocation.Config(parse), invocation.Time, Logging.Quiet(), cancellationToken))
            {
                epoch = host.Keyring.Epoch + 1;
                EntryBatch entries = new();
                Dictionary<string, string> facts =
                    new() { ["epoch"] = epoch.ToString(CultureInfo.InvariantCulture), ["by"] = invocation.User };
                host.NewMaker("").AddAdmin(entries, "master-key-rotated", facts, parse.GetValue(Reason));
                await host.SealAsync(entries, cancellationToken);
            }
            using MasterKey master = MasterKey.Load(paths.Keyring);
            Keyring.Rewrap(paths.Keyring, master, next);
        }
        MasterKey.TakeNext(paths.Keyring);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs([("epoch", epoch.ToString(CultureInfo.InvariantCulture)), ("master key", MasterKey.DefaultPath(paths.Keyring))]);
        terminal.Note(
            "keep a copy of the new master key elsewhere, and make a new backup: `indelible keys export FILE`. "
                + "Older backups open with the old key only: destroy them with it, and what was erased is erased for good");
        terminal.Json(new JsonObject { ["epoch"] = epoch, ["masterKeyFile"] = MasterKey.DefaultPath(paths.Keyring) });
        return (int)ExitCode.Fine;
    }

    /// <summary>Writes the guard from the head as it stands, and seals who vouched for it.
    /// A guard that is there is never replaced.</summary>
    private static async Task<int> AcceptHeadAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerPaths paths = invocation.ExistingPaths(parse);
        if (new Guard(paths.Keyring) is var guard && Path.Exists(guard.FilePath))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected no guard, found {guard.FilePath}: the highest published head is known, and nothing needs to be vouched for");
        }
        await using LedgerHost host = await LedgerHost.OpenAsync(
            paths, invocation.Config(parse), invocation.Time, Logging.Quiet(), cancellationToken, acceptMissingGuard: true);
        Checkpoint head = host.View.Reader.ReadCheckpoint();
        string size = head.Size.ToString(CultureInfo.InvariantCulture);
        EntryBatch entries = new();
        host.NewMaker("")
            .AddGuard(entries, GuardCode.HeadAccepted,
                new Dictionary<string, string> { ["size"] = size, ["root"] = head.Root.ToString(), ["by"] = invocation.User });
        long index = (await host.SealAsync(entries, cancellationToken)).FirstIndex;
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs([("size", size), ("root", head.Root.ToString())]);
        terminal.Note($"sealed as guard entry {index}");
        terminal.Json(new JsonObject { ["size"] = head.Size, ["root"] = head.Root.ToString(), ["entry"] = index });
        return (int)ExitCode.Fine;
    }
}
