using Indelible.Format.Cbor;

namespace Indelible.Format.Entries;

/// <summary>Operator → bytes: a map of the facts that are known. docs/format.md#operator.</summary>
internal static class OperatorWriter
{
    public static void Write(ref CborWriter writer, Operator person)
    {
        if (person.Grade > Grade.Proved) throw new ArgumentException($"expected a grade, found {person.Grade}");
        writer.Map(Count(person));
        Key(ref writer, OperatorKey.Grade);
        writer.Unsigned((byte)person.Grade);
        Text(ref writer, OperatorKey.Id, person.Id);
        Text(ref writer, OperatorKey.SessionUser, person.SessionUser);
        Text(ref writer, OperatorKey.Role, person.Role);
        Text(ref writer, OperatorKey.Application, person.Application);
        Text(ref writer, OperatorKey.Address, person.Address);
        if (person.BackendPid is { } pid)
        {
            Key(ref writer, OperatorKey.BackendPid);
            writer.Integer(pid);
        }
        if (person.BackendStart is { } start)
        {
            Key(ref writer, OperatorKey.BackendStart);
            HeaderWriter.Time(ref writer, start);
        }
        Text(ref writer, OperatorKey.LoginRole, person.LoginRole);
        Text(ref writer, OperatorKey.ReplicationOrigin, person.ReplicationOrigin);
        if (person.OperatorCount > 0)
        {
            Key(ref writer, OperatorKey.OperatorCount);
            writer.Unsigned(person.OperatorCount);
        }
    }

    private static int Count(Operator person)
    {
        int count = 1;
        if (person.Id is not null) count++;
        if (person.SessionUser is not null) count++;
        if (person.Role is not null) count++;
        if (person.Application is not null) count++;
        if (person.Address is not null) count++;
        if (person.BackendPid is not null) count++;
        if (person.BackendStart is not null) count++;
        if (person.LoginRole is not null) count++;
        if (person.ReplicationOrigin is not null) count++;
        if (person.OperatorCount > 0) count++;
        return count;
    }

    private static void Text(ref CborWriter writer, OperatorKey key, string? text)
    {
        if (text is null) return;
        Key(ref writer, key);
        HeaderWriter.Text(ref writer, text, mayBeEmpty: true);
    }

    private static void Key(ref CborWriter writer, OperatorKey key) => writer.Unsigned((ulong)key);
}
