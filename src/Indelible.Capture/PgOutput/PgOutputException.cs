namespace Indelible.Capture.PgOutput;

/// <summary>The replication stream broke its protocol. Names the rule and the offset in the message; never repeats a value.</summary>
internal sealed class PgOutputException : Exception
{
    public PgOutputException(string rule, int offset)
        : base($"replication stream: {rule}, at byte {offset} of the message; expected pgoutput protocol 2 as PostgreSQL 14 to 18 send it")
    {
        Rule = rule;
        Offset = offset;
    }

    /// <summary>What was broken.</summary>
    public string Rule { get; }

    /// <summary>Offset in the message, in bytes.</summary>
    public int Offset { get; }
}
