using System.Text;
using System.Text.RegularExpressions;
using Indelible.Testing;

namespace Indelible.Cli.Tests;

/// <summary>Kills at a request, before the storage has it or once the storage has answered it.</summary>
internal sealed class RequestKiller(Action kill)
{
    private readonly Lock _lock = new();
    private Regex? _request;
    private bool _isDone;
    private int _skipped;

    public bool HasKilled { get; private set; }

    public void Arm(Regex request, bool isDone, int skipped)
    {
        lock (_lock) (_request, _isDone, _skipped, HasKilled) = (request, isDone, skipped, false);
    }

    public Tap Listen()
    {
        bool isIt = false;
        return (isRequest, bytes) =>
        {
            lock (_lock)
            {
                if (isRequest && _request?.IsMatch(Encoding.Latin1.GetString(bytes.Span[..Math.Min(bytes.Length, 500)])) == true)
                    isIt = _skipped-- <= 0;
                if (HasKilled || !isIt || isRequest == _isDone) return true;
                (HasKilled, _request) = (true, null);
                kill();
                return false;
            }
        };
    }
}
